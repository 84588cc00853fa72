using System.Globalization;
using System.Net;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Mta;

/// <summary>Cases at the seams of the shield and its MTAs that need sockets.</summary>
[CancelAfter(60_000)]
internal sealed class SeamTests
{
    private const string Greeting = "220 mx ESMTP\r\n";
    private const string Keywords = "250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n";

    // Far more than the sockets of both ends take.
    private const int Much = 32 * 1024 * 1024;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Test, Property("Pool", "SEAM-25")]
    public async Task Queue_ClientThatWaitsSendsMuch_IsReadNoFurtherThanItsBuffer(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(mta, cancellationToken, static options => options with
        {
            Upstream = options.Upstream with { SessionLimit = 1, SessionReserve = 0 },
        });
        await using var first = await shield.ConnectAsync(cancellationToken);
        await using var held = await AcceptAsync(mta, cancellationToken);
        await first.ReplyAsync(cancellationToken);
        await ExchangeAsync(first, held, "EHLO first", Keywords, cancellationToken);
        await ExchangeAsync(first, held, "MAIL FROM:<a@x>", "250 ok\r\n", cancellationToken);
        await ExchangeAsync(first, held, "RCPT TO:<b@x>", "250 ok\r\n", cancellationToken);

        await using var client = await shield.ConnectAsync(cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await client.CommandAsync("EHLO second", cancellationToken);
        var commands = string.Create(CultureInfo.InvariantCulture, $"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT {Much} LAST\r\n");
        var sending = client.SendAsync(commands + new string('x', Much), cancellationToken);
        await Eventually.HoldsAsync(() => shield.Maintenance.Pictures().Single().Waiting == 1, s_patience, "it waits", cancellationToken);
        await Eventually.HoldsAsync(() => Held(shield) > 0, s_patience, "it has been read", cancellationToken);
        Assert.That(sending.IsCompleted, Is.False, "The kernel holds the rest.");
        Assert.That(Held(shield), Is.AtMost(64 * 1024 + 4096));

        await first.DisposeAsync();
        held.Close();
        await using var next = await AcceptAsync(mta, cancellationToken);
        Assert.That(await next.ReadLineAsync(cancellationToken), Is.EqualTo("EHLO second"));
        await next.SendAsync(Keywords, cancellationToken);
        foreach (var _ in (string[])["MAIL", "RCPT"])
        {
            await next.ReadLineAsync(cancellationToken);
            await next.SendAsync("250 ok\r\n", cancellationToken);
        }
        await next.ReadToLengthAsync("EHLO second\r\n".Length + commands.Length + Much, cancellationToken);
        await next.SendAsync("250 taken\r\n", cancellationToken);
        foreach (var reply in (string[])["250 ok", "250 ok", "250 taken"])
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply));
        await sending;
    }

    [Test, Property("Pool", "SEAM-33")]
    public async Task TwoShieldsInARow_InnerHasNoMta_OuterTakesItForBusyAndServesWhenItIsBack(CancellationToken cancellationToken)
    {
        await using var mta = Serving();
        await using var inner = await StartAsync(mta, cancellationToken);
        await using var outer = await ShieldProcess.StartAsync(
            inner.EndPoint, new Dictionary<string, string> { ["shield_upstream_connect"] = "mail" }, cancellationToken);
        await SendAsync(outer.EndPoint, cancellationToken);
        Assert.That(inner.Maintenance.Drain($"{mta.EndPoint}", "x"), Is.True);

        await using (var refused = await IntroducedAsync(outer.EndPoint, cancellationToken))
            Assert.That(await refused.CommandAsync("MAIL FROM:<a@x>", cancellationToken), Does.StartWith("421 4.3."));
        await Eventually.HoldsAsync(() => outer.AllLines.Contains(" is busy for service ", StringComparison.Ordinal), s_patience, "it is busy",
            cancellationToken);
        var before = Probes(inner);
        inner.Maintenance.Ready($"{mta.EndPoint}", "x");
        await Eventually.HoldsAsync(() => Probes(inner) > before, s_patience, "the outer one has found out", cancellationToken);

        await SendAsync(outer.EndPoint, cancellationToken);
        Assert.That(outer.AllLines, Does.Not.Contain(" is down "));
        await Eventually.HoldsAsync(() => inner.SessionsAtTheMta == 0, s_patience, "nothing is left", cancellationToken);
    }

    [Test, Property("Pool", "STRESS-6")]
    public async Task Stress_OfTheMta_HoldsForNewSessionsAlone(CancellationToken cancellationToken)
    {
        await using var mta = Serving(mail: "452 4.3.1 full\r\n");
        var time = new FakeTimeProvider();
        await using var shield = await StartAsync(mta, cancellationToken, static options =>
        {
            var calm = options with
            {
                Upstream = options.Upstream with { SessionLimit = 90, SessionReserve = 10 },
                Limits = options.Limits with { SoftErrorLimit = 100, HardErrorLimit = 20, ErrorSleepTime = TimeSpan.Zero },
            };
            return calm with
            {
                UnderStress = calm with
                {
                    Limits = calm.Limits with { HardErrorLimit = 1 }, Smtpd = calm.Smtpd with { Timeout = TimeSpan.FromSeconds(10) },
                },
            };
        }, time);
        await using var old = await IntroducedAsync(shield.EndPoint, cancellationToken);
        for (var i = 0; i < 12; i++)
        {
            Assert.That(await old.CommandAsync("MAIL FROM:<a@x>", cancellationToken), Is.EqualTo("452 4.3.1 full"));
            time.Advance(TimeSpan.FromMilliseconds(500));
        }

        // It is judged each second, but not by this thread; what was seen counts for ten seconds.
        await Eventually.HoldsAsync(
            () =>
            {
                if (shield.Log.Lines.Any(static line => line.StartsWith("entering STRESS mode: upstream ", StringComparison.Ordinal)))
                    return true;
                time.Advance(TimeSpan.FromSeconds(1));
                return false;
            },
            s_patience,
            "the MTA is under stress",
            cancellationToken);

        await using (var wrong = await IntroducedAsync(shield.EndPoint, cancellationToken))
        {
            await wrong.SendAsync("FOO\r\nFOO\r\n", cancellationToken);
            Assert.That(await wrong.ReadToEndAsync(cancellationToken), Does.EndWith("421 4.7.0 mail.example.com Error: too many errors\r\n"));
        }
        await using var silent = await IntroducedAsync(shield.EndPoint, cancellationToken);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.That(await silent.ReplyAsync(cancellationToken), Is.EqualTo("421 4.4.2 mail.example.com Error: timeout exceeded"));
        Assert.That(await old.CommandAsync("FOO", cancellationToken), Does.StartWith("5"));
        time.Advance(TimeSpan.FromSeconds(299));
        Assert.That(await old.CommandAsync("FOO", cancellationToken), Does.StartWith("5"));
        time.Advance(TimeSpan.FromSeconds(300));
        Assert.That(await old.ReplyAsync(cancellationToken), Is.EqualTo("421 4.4.2 mail.example.com Error: timeout exceeded"));
    }

    private static long Held(ShieldUnderTest shield) => shield.Sessions.Views.Max(static view => view.Standing.Held);

    // What the outer one's look like at the inner one.
    private static int Probes(ShieldUnderTest inner) =>
        inner.Log.Lines.Count(static line => line.EndsWith(" ehlo=1 quit=1 commands=2", StringComparison.Ordinal));

    private static Task<ShieldUnderTest> StartAsync(
        ScriptedMta mta, CancellationToken cancellationToken, Func<ShieldOptions, ShieldOptions>? change = null, TimeProvider? time = null)
    {
        var options = ShieldUnderTest.Before(mta);
        options = options with { Upstream = options.Upstream with { Connect = UpstreamConnect.Mail, SlowStart = TimeSpan.Zero } };
        return ShieldUnderTest.StartAsync(change?.Invoke(options) ?? options, cancellationToken, time);
    }

    private static async Task<MtaConnection> AcceptAsync(ScriptedMta mta, CancellationToken cancellationToken)
    {
        var connection = await mta.AcceptAsync(cancellationToken);
        await connection.SendAsync(Greeting, cancellationToken);
        return connection;
    }

    private static async Task ExchangeAsync(RawSmtpClient client, MtaConnection mta, string line, string reply, CancellationToken cancellationToken)
    {
        await client.SendAsync(line + "\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(line));
        await mta.SendAsync(reply, cancellationToken);
        await client.ReplyAsync(cancellationToken);
    }

    private static async Task<RawSmtpClient> IntroducedAsync(IPEndPoint shield, CancellationToken cancellationToken)
    {
        var client = await RawSmtpClient.ConnectAsync(shield, IPAddress.Loopback, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        Assert.That(await client.CommandAsync("EHLO c.example", cancellationToken), Does.StartWith("250-"));
        return client;
    }

    private static async Task SendAsync(IPEndPoint shield, CancellationToken cancellationToken)
    {
        await using var client = await IntroducedAsync(shield, cancellationToken);
        (string Line, string Reply)[] dialogue =
            [("MAIL FROM:<a@x>", "250"), ("RCPT TO:<b@x>", "250"), ("DATA", "354"), ("x\r\n.", "250"), ("QUIT", "221")];
        foreach (var (line, reply) in dialogue)
            Assert.That(await client.CommandAsync(line, cancellationToken), Does.StartWith(reply), line);
    }

    private static ScriptedMta Serving(string mail = "250 ok\r\n")
    {
        var mta = new ScriptedMta();
        mta.Serve(async connection =>
        {
            await connection.SendAsync(Greeting, CancellationToken.None);
            while (await connection.ReadLineAsync(CancellationToken.None) is { } line)
            {
                await connection.SendAsync(line.Split(' ')[0] switch
                {
                    "EHLO" => Keywords,
                    "MAIL" => mail,
                    "DATA" => "354 go\r\n",
                    "QUIT" => "221 bye\r\n",
                    "FOO" => "500 5.5.2 what\r\n",
                    _ => "250 ok\r\n",
                }, CancellationToken.None);
                if (line == "DATA" && await connection.ReadThroughAsync("\r\n.\r\n", CancellationToken.None) is not null)
                    await connection.SendAsync("250 taken\r\n", CancellationToken.None);
                if (line != "QUIT")
                    continue;

                connection.Close();
                return;
            }
        });
        return mta;
    }
}
