using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary><c>smtpshield demo</c>: what it says to type does what it says.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class DemoTests
{
    private const string LastLine = "RCPT TO:<nosuch@example.com>";

    [Test, CancelAfter(120_000)]
    public async Task FourLines_LastOneSixTimes_EndWith421(CancellationToken cancellationToken)
    {
        var port = LoopbackPorts.Take();
        await using var demo = OutsideProcess.Start(ShieldProgram.Built[0], [ShieldProgram.Built[1], "demo", "--port", $"{port}"]);
        await Eventually.HoldsAsync(() => LoopbackPorts.IsListening(port), TimeSpan.FromSeconds(60), "the demo listens", cancellationToken);
        var lines = Regex.Match(demo.Output, $@"(?m)^  telnet 127\.0\.0\.1 {port}\n(?:  ([A-Z].*)\n){{3}}")
            .Groups[1].Captures.Select(line => line.Value).ToList();
        Assert.That(lines, Has.Count.EqualTo(3).And.Member(LastLine), demo.Output);

        await using var client = await RawSmtpClient.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), IPAddress.Loopback, cancellationToken);
        await client.ReplyAsync(cancellationToken);
        foreach (var line in lines)
            await client.CommandAsync(line, cancellationToken);
        for (var i = 2; i <= 6; i++)
            Assert.That(await client.CommandAsync(LastLine, cancellationToken), Does.StartWith("550 5.1.1"));

        Assert.That(await client.ReadToEndAsync(cancellationToken), Does.StartWith("421 4.7.0 mail.example.com Error: too many errors"));

        var asked = Regex.Matches(demo.Output, @"(?m)^  (?:\S+ )?\S*smtpshield\S* ((?:status|explain|top) .*)$").Select(line => line.Groups[1].Value).ToList();
        Assert.That(asked, Has.Count.EqualTo(3), demo.Output);
        foreach (var line in asked)
        {
            var (status, output) = await ShieldProgram.RunAsync(line.Split(' '), TimeSpan.FromSeconds(60), cancellationToken);
            Assert.That((status, output), Is.EqualTo((0, output)));
            Assert.That(output, Does.Contain(line.StartsWith("status", StringComparison.Ordinal) ? "smtp " : "127.0.0.1"));
        }
    }
}
