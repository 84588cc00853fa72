using System.Net;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;
using SmtpShield.Testing.Tls;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>
/// Limits that are judged before there is a session, with sessions that would be refused: clients connect, each sends a message and stays until the last one
/// has. With a limit in shadow each octet that a client or the MTA reads is the one it reads with the limit off. The clock stands still: a reply that had to
/// wait would never come.
/// </summary>
[CancelAfter(120_000)]
internal sealed class WholeSessionsInShadowTests
{
    private const int Clients = 4;
    private const int Limit = 2;

    private string _chain = "";

    private static IEnumerable<TestCaseData> Cases =>
    [
        new("smtpd_client_connection_count_limit", TlsUse.None, 2),
        new("smtpd_client_connection_count_limit", TlsUse.Wrapper, 2),
        new("smtpd_client_connection_rate_limit", TlsUse.None, 2),
        new("smtpd_client_connection_rate_limit", TlsUse.Wrapper, 2),
        // Judged twice: when the client asks for a handshake, and when that is counted.
        new("smtpd_client_new_tls_session_rate_limit", TlsUse.StartTls, 2),
        new("smtpd_client_new_tls_session_rate_limit", TlsUse.Wrapper, 2),
    ];

    public enum TlsUse
    {
        None,
        StartTls,
        Wrapper,
    }

    [OneTimeSetUp]
    public void MakeCertificate()
    {
        _chain = Path.GetTempFileName();
        File.WriteAllText(_chain, TestCertificate.Make("mail.example.com").Chain);
    }

    [OneTimeTearDown]
    public void RemoveCertificate() => File.Delete(_chain);

    [TestCaseSource(nameof(Cases))]
    [Property("Operations", "OPS-14")]
    public async Task Sessions_RuleInShadow_CannotBeToldFromRuleOff(string name, TlsUse use, int hits, CancellationToken cancellationToken)
    {
        var rule = ShadowRules.All[ShadowRules.IndexOf(name)];
        var off = await PlayAsync(With(rule, rule.Off), rule, use, cancellationToken);
        var enforced = await PlayAsync(With(rule, Limit), rule, use, cancellationToken);
        Assert.That(enforced.Seen, Is.Not.EqualTo(off.Seen).AsCollection, "the traffic does not hit it");

        foreach (var list in (ShadowList[])[
            ShadowList.None with { Names = new HashSet<string> { name } },
            ShadowList.None with { HasAll = true },
            ShadowList.None with { Candidates = new Dictionary<string, object> { [name] = Limit } }])
        {
            var set = With(rule, list.Candidates.Count > 0 ? rule.Off : Limit);
            var shadow = await PlayAsync(options => ShadowRules.Split(set(options) with { Shadow = new() { Rules = list } }), rule, use, cancellationToken);
            Assert.That(shadow.Seen, Is.EqualTo(off.Seen).AsCollection, $"{list}");
            Assert.That(shadow.Log, Is.EqualTo(off.Log).AsCollection, "but for lines with (shadow)");
            Assert.That((shadow.Hits, enforced.Hits, off.Hits), Is.EqualTo(((long)hits, 0L, 0L)));
        }
    }

    private static Func<ShieldOptions, ShieldOptions> With(ShadowRule rule, object value) => options =>
    {
        var all = rule.With(ShadowLimits.EnforcedBy(options), value);
        return options with { Limits = all.Limits, Smtpd = all.Smtpd };
    };

    private async Task<(IReadOnlyList<string> Seen, IReadOnlyList<string> Log, long Hits)> PlayAsync(
        Func<ShieldOptions, ShieldOptions> configure, ShadowRule rule, TlsUse use, CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        var sessions = new List<MtaConnection>();
        mta.Serve(session =>
        {
            lock (sessions)
                sessions.Add(session);
            return ServeAsync(session, cancellationToken);
        });
        var options = ShieldUnderTest.Before(mta);
        await using var shield = await ShieldUnderTest.StartAsync(
            configure(options with
            {
                Limits = options.Limits with { ClientConnectionCountLimit = 0, HardErrorLimit = int.MaxValue, SoftErrorLimit = int.MaxValue,
                    JunkCommandLimit = int.MaxValue, RecipientLimit = int.MaxValue },
                Smtpd = options.Smtpd with { ForbidUnauthPipelining = false, ForbiddenCommands = (ForbiddenCommands)Off("smtpd_forbidden_commands") },
                Tls = use == TlsUse.None ? options.Tls : options.Tls with { ChainFiles = [_chain], WrapperMode = use == TlsUse.Wrapper },
            }),
            cancellationToken, new FakeTimeProvider());

        var seen = new List<string>();
        var clients = new List<RawSmtpClient>();
        try
        {
            for (var i = 0; i < Clients; i++)
            {
                clients.Add(await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Loopback, cancellationToken));
                await SendMailAsync(clients[i], use, line => seen.Add($"client {i}: {line}"), cancellationToken);
            }

            foreach (var (i, client) in clients.Index())
            {
                seen.Add($"client {i}: {await client.CommandAsync("QUIT", cancellationToken)}");
                seen.Add($"client {i}: {await client.ReadToEndAsync(cancellationToken)}");
            }
        }
        finally
        {
            foreach (var client in clients)
                await client.DisposeAsync();
        }

        await shield.Drain.WhenEmpty.WaitAsync(cancellationToken);
        MtaConnection[] all;
        lock (sessions)
            all = [.. sessions];
        foreach (var (i, session) in all.Index())
        {
            await session.Ended.WaitAsync(cancellationToken);
            seen.Add($"MTA {i}: {session.ReceivedOfClient}");
        }

        var log = shield.Log.Lines.Where(static line => line.Contains("[127.0.0.1]", StringComparison.Ordinal)
            && !line.Contains("(shadow)", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        return (seen, [.. log], shield.ShadowOf("smtp").Summarize(1).Rules[ShadowRules.IndexOf(rule.Name)].Hits);
    }

    private static object Off(string name) => ShadowRules.All[ShadowRules.IndexOf(name)].Off;

    // All that a client is told, also where that is that the connection is over.
    private static async Task SendMailAsync(RawSmtpClient client, TlsUse use, Action<string> note, CancellationToken cancellationToken)
    {
        if (use == TlsUse.Wrapper)
            note($"{await client.StartTlsAsync(cancellationToken)}");
        note(await client.ReplyAsync(cancellationToken));
        note(await client.CommandAsync("EHLO c", cancellationToken));
        if (use == TlsUse.StartTls)
        {
            var reply = await client.CommandAsync("STARTTLS", cancellationToken);
            note(reply);
            if (reply.StartsWith("220 ", StringComparison.Ordinal))
                note($"{await client.StartTlsAsync(cancellationToken)}");
            note(await client.CommandAsync("EHLO c", cancellationToken));
        }

        foreach (var command in (string[])["MAIL FROM:<a@c.example>", "RCPT TO:<b@y.example>", "DATA", "Subject: x\r\n\r\ntext\r\n."])
            note(await client.CommandAsync(command, cancellationToken));
    }

    private static async Task ServeAsync(MtaConnection session, CancellationToken cancellationToken)
    {
        await session.SendAsync("220 mx ESMTP\r\n", cancellationToken);
        while (await session.ReadLineAsync(cancellationToken) is { } line)
        {
            switch (line.Split(' ', ':')[0])
            {
                case "EHLO":
                    await session.SendAsync("250-mx\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n", cancellationToken);
                    break;
                case "DATA":
                    await session.SendAsync("354 go\r\n", cancellationToken);
                    await session.ReadThroughAsync("\r\n.\r\n", cancellationToken);
                    await session.SendAsync("250 2.0.0 queued\r\n", cancellationToken);
                    break;
                case "QUIT":
                    await session.SendAsync("221 2.0.0 bye\r\n", cancellationToken);
                    break;
                default:
                    await session.SendAsync("250 2.0.0 ok\r\n", cancellationToken);
                    break;
            }
        }

        session.Close();
    }
}
