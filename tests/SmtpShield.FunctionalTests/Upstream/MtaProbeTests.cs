using System.Net;
using SmtpShield.Configuration;
using SmtpShield.Host.Commands;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Upstream;

/// <summary><c>smtpshield check --probe</c> before MTAs that serve, or do not.</summary>
[CancelAfter(30_000)]
internal sealed class MtaProbeTests
{
    private const string Postfix = "250-mx\r\n250-PIPELINING\r\n250 XCLIENT NAME ADDR\r\n";

    [TestCase(ClientHandoff.None, Postfix, "note: {mta} greets with 220 mx ESMTP, in clear, offers PIPELINING XCLIENT")]
    [TestCase(ClientHandoff.Xclient, Postfix, "note: {mta} greets with 220 mx ESMTP, in clear, offers PIPELINING XCLIENT")]
    [TestCase(ClientHandoff.Xclient, "250 mx\r\n", "error: connect to upstream {mta}: does not offer XCLIENT (smtpd_authorized_xclient_hosts)")]
    [TestCase(ClientHandoff.None, "502 5.5.1 what?\r\n", "error: {mta} answers EHLO with 502 5.5.1 what?")]
    public async Task Run_Answer_IsJudged(ClientHandoff handoff, string ehlo, string problem, CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        mta.Serve(async connection =>
        {
            await connection.SendAsync("220 mx ESMTP\r\n", cancellationToken);
            while (await connection.ReadLineAsync(cancellationToken) is { } line)
                await connection.SendAsync(line.StartsWith("EHLO mail.example.com", StringComparison.Ordinal) ? ehlo : "221 bye\r\n", cancellationToken);
        });

        Assert.That(await RunAsync(handoff, mta.EndPoint, cancellationToken), Is.EqualTo([problem.Replace("{mta}", $"{mta.EndPoint}", StringComparison.Ordinal)]));
    }

    // It takes the header for a command: every reply behind it would be one late.
    [Test]
    public async Task Run_MtaThatExpectsNoHeader_IsAnErrorWithTheRemedy(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        mta.Serve(async connection =>
        {
            await connection.SendAsync("220 mx ESMTP\r\n", cancellationToken);
            while (await connection.ReadLineAsync(cancellationToken) is { } line)
                await connection.SendAsync(line.StartsWith("PROXY", StringComparison.Ordinal) ? "502 5.5.2 Error: command not recognized\r\n" : "250 mx\r\n", cancellationToken);
        });

        var problems = await RunAsync(ClientHandoff.ProxyV1, mta.EndPoint, cancellationToken);

        Assert.That(problems, Has.Count.EqualTo(1));
        Assert.That(problems[0], Does.StartWith($"error: {mta.EndPoint} ").And.EndWith("(does it expect a PROXY header? (Postfix: smtpd_upstream_proxy_protocol = haproxy))"));
    }

    [TestCase(ClientHandoff.None, "error"), TestCase(ClientHandoff.ProxyV2, "warning")]
    public async Task Run_RefusedGreeting_IsAnErrorUnlessItMayBeAboutTheProbe(ClientHandoff handoff, string severity, CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        mta.Serve(async connection =>
        {
            await connection.SendAsync("554 5.7.1 no\r\n", cancellationToken);
            await connection.Ended.WaitAsync(cancellationToken);
        });
        var run = RunAsync(handoff, mta.EndPoint, cancellationToken);

        Assert.That(await run, Is.EqualTo([$"{severity}: {mta.EndPoint} greets the shield with 554 5.7.1 no"]));
    }

    [Test]
    public async Task Run_NobodyListens_IsAnError(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        var end = mta.EndPoint;
        mta.StopListening();

        Assert.That(await RunAsync(ClientHandoff.None, end, cancellationToken), Is.EqualTo([$"error: connect to upstream {end}: Connection refused"]));
    }

    private static async Task<List<string>> RunAsync(ClientHandoff handoff, IPEndPoint mta, CancellationToken cancellationToken)
    {
        var smtp = new ShieldOptions
        {
            Smtpd = new() { MyHostname = "mail.example.com" },
            Upstream = new() { ClientHandoff = handoff, Destinations = [new(mta.Address.ToString(), mta.Port)], GreetingTimeout = TimeSpan.FromSeconds(5) },
        };
        var problems = await MtaProbe.RunAsync(smtp with { Services = new Dictionary<string, ShieldOptions> { ["smtp"] = smtp } }, cancellationToken);
        return [.. problems.Select(static problem => $"{problem.Severity.ToString().ToLowerInvariant()}: {$"{problem}".Replace("service smtp: shield_upstream: ", "", StringComparison.Ordinal)}")];
    }
}
