using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>The limits on errors as a user meets them with telnet, and what the MTA behind is spared. The boundaries are in the dialogues.</summary>
public sealed class ErrorLimitTests
{
    private static readonly IPAddress s_client = IPAddress.Parse("127.83.0.1");
    private PostfixInstance? _postfix;

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        _postfix = await PostfixInstance.StartAsync(
            [PostfixService.WithoutLimits("behind"), new PostfixService("defaults", new Dictionary<string, string>()), PostfixService.WithoutLimits("flooded")],
            TestContext.CurrentContext.CancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task Telnet_TwentyErrorsWithDefaults_TenLateOnesThenDisconnectedAsByPostfix(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("telnet");
        await using var shield = await ShieldProcess.StartAsync(Postfix.EndPointOf("behind"), new Dictionary<string, string>(), cancellationToken);
        var both = await Task.WhenAll(TypeTwentyErrorsAsync(Postfix.EndPointOf("defaults"), Postfix.LogOf("defaults"), cancellationToken),
            TypeTwentyErrorsAsync(shield.EndPoint, shield.Log, cancellationToken));
        var (expected, actual) = (both[0], both[1]);

        Assert.That(actual.Screen, Is.EqualTo(expected.Screen));
        Assert.That(actual.Screen, Does.EndWith("421 4.7.0 mail.example.test Error: too many errors"));
        Assert.That((double[])[expected.Duration.TotalSeconds, actual.Duration.TotalSeconds], Is.All.InRange(11, 20), "ten late replies and a late 421");
        Assert.That(shield.Log.SessionLines, Is.EqualTo(Postfix.LogOf("defaults").SessionLines).AsCollection);
        Assert.That(shield.Log.Texts, Does.Contain("too many errors after UNKNOWN from unknown[127.83.0.1]"));
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task Pipeline_ThousandBadRecipients_MtaProcessesTwenty(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("flooded"), new Dictionary<string, string> { ["smtpd_error_sleep_time"] = "0" }, cancellationToken);
        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
        await client.SendAsync("MAIL FROM:<a@client.example>\r\n"
            + string.Concat(Enumerable.Range(1, 1000).Select(number => $"RCPT TO:<nosuch{number}@example.test>\r\n")), cancellationToken);
        var replies = (await client.ReadToEndAsync(cancellationToken)).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);

        Assert.That(replies, Has.Length.EqualTo(22));
        Assert.That(replies[0], Does.StartWith("250"));
        Assert.That(replies[1..21], Is.All.StartsWith("550"));
        Assert.That(replies[21], Is.EqualTo("421 4.7.0 mail.example.test Error: too many errors"));
        var behind = Postfix.LogOf("flooded");
        await behind.WaitForQuietAsync(cancellationToken);
        Assert.That(behind.Rejects, Has.Count.EqualTo(20));
        Assert.That(behind.CommandsSeen()["rcpt"], Is.EqualTo(20));
        await shield.StopAsync(cancellationToken);
    }

    private static async Task<(string Screen, TimeSpan Duration)> TypeTwentyErrorsAsync(IPEndPoint server, MailLog log, CancellationToken cancellationToken)
    {
        await using var telnet = OutsideProcess.Start("telnet", ["-b", s_client.ToString(), server.Address.ToString(), $"{server.Port}"]);
        await Eventually.HoldsAsync(() => telnet.Output.Contains("220 ", StringComparison.Ordinal), TimeSpan.FromSeconds(10),
            "telnet shows the greeting", cancellationToken);
        var start = TimeProvider.System.GetTimestamp();
        for (var number = 1; number <= 20; number++)
        {
            await telnet.WriteAsync("NONSENSE\n", cancellationToken);
            var seen = number;
            await Eventually.HoldsAsync(() => telnet.Output.Split("500 5.5.2").Length > seen, TimeSpan.FromSeconds(10),
                $"telnet shows reply {number}", cancellationToken);
        }
        await telnet.WaitForExitAsync(TimeSpan.FromSeconds(10), cancellationToken);
        var duration = TimeProvider.System.GetElapsedTime(start);
        await log.WaitForDisconnectsAsync(1, cancellationToken);
        return (string.Join('\n', telnet.Output.Split('\n').Where(line => line.Length > 3 && char.IsDigit(line[0]))), duration);
    }
}
