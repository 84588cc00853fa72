using System.Collections.Concurrent;
using System.Net;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Mta;

/// <summary><c>smtpshield check --probe</c> before MTAs that serve, or do not.</summary>
[CancelAfter(30_000)]
internal sealed class MtaProbeTests
{
    private const string Postfix = "250-mx\r\n250-PIPELINING\r\n250 XCLIENT NAME ADDR\r\n";

    private const string Denied = "554 5.7.1 Relay access denied";

    [TestCase(ClientHandoff.None, Postfix, "note: {mta} greets with 220 mx ESMTP, in clear, offers PIPELINING XCLIENT",
        "note: {mta} refuses to relay for the shield's own address: " + Denied)]
    [TestCase(ClientHandoff.Xclient, Postfix, "note: {mta} greets with 220 mx ESMTP, in clear, offers PIPELINING XCLIENT",
        "note: {mta} refuses to relay for 192.0.2.1: " + Denied)]
    [TestCase(ClientHandoff.Xclient, "250 mx\r\n", "error: connect to upstream {mta}: does not offer XCLIENT (smtpd_authorized_xclient_hosts)")]
    [TestCase(ClientHandoff.None, "502 5.5.1 what?\r\n", "error: {mta} answers EHLO with 502 5.5.1 what?")]
    public async Task Run_Answer_IsJudged(ClientHandoff handoff, string ehlo, params string[] problems)
    {
        await using var mta = new ScriptedMta();
        Serve(mta, ehlo, Denied);

        Assert.That(await RunAsync(handoff, mta.EndPoint, Cancellation), Is.EqualTo(problems.Select(problem => Named(problem, mta))));
    }

    [TestCase(ClientHandoff.None, "250 2.1.5 Ok", "error: open relay through the shield: "
        + "{mta} takes mail from the shield's own address to smtpshield-probe@example.org (the MTA takes every client for the shield: tell it who they are")]
    [TestCase(ClientHandoff.ProxyV1, "250 2.1.5 Ok", "error: open relay through the shield: "
        + "{mta} takes mail from 192.0.2.1 to smtpshield-probe@example.org (it must refuse recipients elsewhere;")]
    [TestCase(ClientHandoff.Xclient, "251 later", "error: open relay through the shield: "
        + "{mta} takes mail from 192.0.2.1 to smtpshield-probe@example.org (it must refuse recipients elsewhere;")]
    [TestCase(ClientHandoff.ProxyV1, "450 4.7.1 come again", "note: {mta}: whether it relays for anybody was not tried: it answers 450 4.7.1 come again")]
    [TestCase(ClientHandoff.ProxyV1, "", "warning: {mta}: whether it relays for anybody was not tried: lost connection")]
    [TestCase(ClientHandoff.Transparent, "250 2.1.5 Ok", "note: {mta}: whether it relays for anybody was not tried: "
        + "with shield_client_handoff = transparent only a client elsewhere can")]
    public async Task Run_RecipientElsewhere_MustBeRefused(ClientHandoff handoff, string answer, string problem)
    {
        await using var mta = new ScriptedMta();
        var said = Serve(mta, Postfix, answer);

        Assert.That((await RunAsync(handoff, mta.EndPoint, Cancellation))[^1], Does.StartWith(Named(problem, mta)));
        Assert.That(said, Has.None.StartsWith("DATA").And.None.StartsWith("BDAT"));
        if (handoff == ClientHandoff.ProxyV1)
            Assert.That(said, Has.One.EqualTo("PROXY TCP4 192.0.2.1 198.51.100.1 40000 25"), "a client that is in nobody's network");
        if (handoff == ClientHandoff.Xclient)
            Assert.That(said, Has.One.EqualTo("XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE]").Or.One.EqualTo("XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.1"));
    }

    private const string ByProxy = " to smtpshield-probe@example.org: whoever a load balancer takes for that address may relay";

    // It trusts loopback and the load balancers, as mynetworks of many do.
    [TestCase(
        ClientHandoff.ProxyV1, "haproxy", "192.0.2.8, 192.0.2.9, 198.51.100.0/24, !192.0.2.7",
        "warning: {mta} takes mail from 127.0.0.1, 192.0.2.8, 192.0.2.9" + ByProxy)]
    [TestCase(ClientHandoff.Xclient, "haproxy", "[2001:db8::8]", "warning: {mta} takes mail from 127.0.0.1" + ByProxy)]
    [TestCase(ClientHandoff.ProxyV1, "", "192.0.2.8", null)]
    [TestCase(ClientHandoff.None, "haproxy", "192.0.2.8", null)]
    public async Task Run_MtaThatTrustsTheLoadBalancer_IsWarnedOf(ClientHandoff handoff, string protocol, string sources, string? problem)
    {
        await using var mta = new ScriptedMta();
        Serve(mta, Postfix, Denied, " 127.0.0.1", "=127.0.0.1", " 192.0.2.8", " 192.0.2.9");
        var options = Options(handoff, mta.EndPoint) with
        {
            Proxy = new()
            {
                Protocol = protocol.Length > 0 ? UpstreamProxyProtocol.Haproxy : UpstreamProxyProtocol.None,
                Sources = AddressPatternList.Parse(sources),
            },
        };

        var problems = await RunAsync(options, Cancellation);

        var said = problems.Where(text => text.Contains("load balancer", StringComparison.Ordinal));
        Assert.That(said, problem is null ? Is.Empty : Has.One.StartsWith(Named(problem, mta)));
        Assert.That(problems, Has.None.StartsWith("error"));
    }

    [TestCase("submission", "250-mx\r\n250 AUTH PLAIN\r\n", false, true)]
    [TestCase("submission", "250-mx\r\n250 STARTTLS\r\n", false, true)]
    [TestCase("submission", "250-mx\r\n250 STARTTLS\r\n", true, false)]
    [TestCase("submission", Postfix, false, false)]
    [TestCase("smtp", Postfix, true, true)]
    public async Task Run_SubmissionWithoutAuth_IsAnError(string service, string ehlo, bool endsTls, bool isFine)
    {
        await using var mta = new ScriptedMta();
        Serve(mta, ehlo, Denied);
        var options = Options(ClientHandoff.None, mta.EndPoint) with { Tls = new() { CertificateFile = endsTls ? "/etc/certificate.pem" : "" } };

        var errors = (await MtaProbe.RunAsync(options with { Services = new Dictionary<string, ShieldOptions> { [service] = options } }, Cancellation))
            .Where(static problem => problem.Severity == ProblemSeverity.Error);

        Assert.That(errors.Select(static problem => $"{problem}"), isFine ? Is.Empty : Has.One.StartsWith("service submission: shield_upstream: "
            + $"{mta.EndPoint} offers no AUTH: nobody can log in to submit mail ({(endsTls ? "the shield ends TLS" : "Postfix: -o smtpd_sasl")}"));
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
                await connection.SendAsync(
                    line.StartsWith("PROXY", StringComparison.Ordinal) ? "502 5.5.2 Error: command not recognized\r\n" : "250 mx\r\n", cancellationToken);
        });

        var problems = await RunAsync(ClientHandoff.ProxyV1, mta.EndPoint, cancellationToken);

        Assert.That(problems, Has.Count.EqualTo(1));
        Assert.That(problems[0],
            Does.StartWith($"error: {mta.EndPoint} ").And.EndWith("(does it expect a PROXY header? (Postfix: smtpd_upstream_proxy_protocol = haproxy))"));
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

        Assert.That((await run)[0], Is.EqualTo($"{severity}: {mta.EndPoint} greets the shield with 554 5.7.1 no"));
    }

    [Test]
    public async Task Run_NobodyListens_IsAnError(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        var end = mta.EndPoint;
        mta.StopListening();

        Assert.That(await RunAsync(ClientHandoff.None, end, cancellationToken), Is.EqualTo([$"error: connect to upstream {end}: Connection refused"]));
    }

    private static CancellationToken Cancellation => TestContext.CurrentContext.CancellationToken;

    private static string Named(string problem, ScriptedMta mta) => problem.Replace("{mta}", $"{mta.EndPoint}", StringComparison.Ordinal);

    // An MTA that is told about clients, or not. Without an answer to RCPT it hangs up.
    private static ConcurrentQueue<string> Serve(ScriptedMta mta, string ehlo, string recipient, params string[] trusted)
    {
        var said = new ConcurrentQueue<string>();
        mta.Serve(async connection =>
        {
            await connection.SendAsync("220 mx ESMTP\r\n", Cancellation);
            var isTrusted = false;
            while (await connection.ReadLineAsync(Cancellation) is { } line)
            {
                said.Enqueue(line);
                isTrusted |= line.Split(' ')[0] is "PROXY" or "XCLIENT" && trusted.Any(address => $"{line} ".Contains($"{address} ", StringComparison.Ordinal));
                var answer = line.Split(' ')[0] switch
                {
                    "PROXY" => "",
                    "EHLO" => ehlo,
                    "XCLIENT" => "220 mx ESMTP\r\n",
                    "MAIL" => "250 2.1.0 Ok\r\n",
                    "RCPT" when isTrusted => "250 2.1.5 Ok\r\n",
                    "RCPT" => recipient.Length > 0 ? recipient + "\r\n" : null,
                    _ => "221 bye\r\n",
                };
                if (answer is null)
                {
                    connection.Close();
                    return;
                }

                await connection.SendAsync(answer, Cancellation);
            }
        });
        return said;
    }

    private static ShieldOptions Options(ClientHandoff handoff, IPEndPoint mta) => new()
    {
        Smtpd = new() { MyHostname = "mail.example.com" },
        Upstream = new() { ClientHandoff = handoff, Destinations = [new(mta.Address.ToString(), mta.Port)], GreetingTimeout = TimeSpan.FromSeconds(5) },
    };

    private static Task<List<string>> RunAsync(ClientHandoff handoff, IPEndPoint mta, CancellationToken cancellationToken) =>
        RunAsync(Options(handoff, mta), cancellationToken);

    private static async Task<List<string>> RunAsync(ShieldOptions smtp, CancellationToken cancellationToken)
    {
        var problems = await MtaProbe.RunAsync(smtp with { Services = new Dictionary<string, ShieldOptions> { ["smtp"] = smtp } }, cancellationToken);
        return [.. problems.Select(static problem => $"{problem.Severity.ToString().ToLowerInvariant()}: "
            + $"{$"{problem}".Replace("service smtp: shield_upstream: ", "", StringComparison.Ordinal)}")];
    }
}
