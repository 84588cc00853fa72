using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>
/// A client that goes without its replies does not escape the books: what the MTA still owes it is read, counted and logged, and it keeps its
/// place no longer than that takes.
/// </summary>
[CancelAfter(20_000)]
internal sealed class GoneClientTests : RelayFixture
{
    private const int Recipients = 12;

    private static readonly IPAddress s_other = IPAddress.Parse("127.0.0.2");

    private static readonly string s_recipients = string.Concat(Enumerable.Range(1, Recipients).Select(static number => $"RCPT TO:<n{number}@y>\r\n"));

    protected override bool HasFakeTime => true;

    protected override ShieldOptions Configure(ShieldOptions options) => options with
    {
        Limits = options.Limits with { SoftErrorLimit = 100, HardErrorLimit = 200, ClientErrorRateLimit = 1000, ClientAuthFailureRateLimit = 1000 },

        // The clock goes on for as long as the machine takes: what was counted must last.
        Anvil = options.Anvil with { RateTimeUnit = TimeSpan.FromDays(1) },
    };

    [Test]
    public async Task Recipients_RefusedBehindTheClientsEnd_AreCountedAndLogged([Values] bool reset, CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginMailAsync(cancellationToken);
        await client.SendAsync(s_recipients, cancellationToken);
        for (var i = 0; i < Recipients; i++)
            await mta.ReadLineAsync(cancellationToken);
        await VanishAsync(client, reset, cancellationToken);
        for (var number = 1; number <= Recipients; number++)
            await mta.SendAsync($"550 5.1.1 <n{number}@y> unknown\r\n", cancellationToken);
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);

        Assert.Multiple(() =>
        {
            Assert.That(Lines("NOQUEUE: reject: RCPT"), Has.Length.EqualTo(Recipients));
            Assert.That(Lines("NOQUEUE: reject: RCPT").Last(),
                Is.EqualTo("NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 550 5.1.1 <n12@y> unknown; from=<a@x> to=<n12@y> proto=ESMTP helo=<c>"));
            Assert.That(Lines("lost connection"), Is.EqualTo(new[] { "lost connection after RCPT from unknown[127.0.0.1]" }).AsCollection);
            Assert.That(Lines("disconnect"), Is.EqualTo(new[] { "disconnect from unknown[127.0.0.1] ehlo=1 mail=1 rcpt=0/12 commands=2/14" }).AsCollection);
            Assert.That(Counted(AnvilEvent.Error), Is.EqualTo(Recipients));
        });
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(12)]
    public async Task Login_RefusedBehindTheClientsEnd_IsAFailureOfTheClient(int cut, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250 AUTH PLAIN", cancellationToken);
        const string Auth = "AUTH PLAIN AGEAYg==\r\n";
        await client.SendAsync(Auth[..cut], cancellationToken);
        await client.SendAsync(Auth[cut..], cancellationToken);
        await VanishAsync(client, reset: true, cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync("535 5.7.8 Error: authentication failed: authentication failure\r\n", cancellationToken);
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);

        Assert.That(Counted(AnvilEvent.AuthFailure), Is.EqualTo(1));
        Assert.That(Lines("unknown[127.0.0.1]: SASL"),
            Is.EqualTo(new[] { "unknown[127.0.0.1]: SASL PLAIN authentication failed: authentication failure" }).AsCollection);
    }

    /// <summary>Postfix notices that its client has gone when it sends the first delayed reply, and reads no further command.</summary>
    [Test]
    public async Task Commands_BehindADelayedReply_NeverReachTheMta(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Limits = options.Limits with { SoftErrorLimit = 3 } });
        var (client, mta) = await BeginMailAsync(cancellationToken);
        for (var i = 0; i < 3; i++)
            await ExchangeAsync(client, mta, "RCPT TO:<n@y>", "550 5.1.1 unknown", cancellationToken);
        await client.SendAsync(s_recipients, cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await client.VanishAsync(reset: true);
        var commands = 1;
        do
        {
            await mta.SendAsync("550 5.1.1 unknown\r\n", cancellationToken);
        }
        while (await ReadLineAsync(mta, cancellationToken) is not (null or "QUIT") && commands++ < Recipients);
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);

        Assert.That(commands, Is.LessThanOrEqualTo(2));
        Assert.That(Lines("NOQUEUE: reject: RCPT"), Has.Length.EqualTo(3 + commands));
        Assert.That(Counted(AnvilEvent.Error), Is.EqualTo(3 + commands));
    }

    [Test]
    public async Task Quit_WithTheClientsEndBehindIt_IsNoLostConnection([Values] bool reset, [Values] bool answers, CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("x\r\n.\r\n", cancellationToken);
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        await mta.SendAsync("250 queued\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await client.SendAsync("QUIT\r\n", cancellationToken);
        await VanishAsync(client, reset, cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
        if (answers)
            await mta.SendAsync("221 bye\r\n", cancellationToken);
        else
            mta.Close();
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);

        Assert.That(Lines("lost connection"), Is.Empty);
        Assert.That(Lines("disconnect"), Has.One.EndsWith(" quit=1 commands=5"));
    }

    [TestCase("RCPT TO:<b@y>", "lost connection after RCPT from unknown[127.0.0.1]")]
    [TestCase("QUIT", null)]
    public async Task Mta_ThatOwesAReplyForEver_IsWaitedForHalfAMinute(string command, string? lost, CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginMailAsync(cancellationToken);
        await client.SendAsync(command + "\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await client.VanishAsync(reset: true);
        await ServeOtherAsync(cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(29));
        Assert.That(Shield.CountedConnections, Is.EqualTo(1));
        // The half minute begins when the session has seen the reset.
        await Eventually.HoldsAsync(
            () =>
            {
                Time.Advance(TimeSpan.FromSeconds(1.1));
                return mta.Ended.IsCompleted;
            },
            TimeSpan.FromSeconds(15),
            "it is not waited for any more",
            cancellationToken);
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);

        Assert.That(Lines("lost connection after").FirstOrDefault(), Is.EqualTo(lost));
    }

    private async Task<(RawSmtpClient Client, MtaConnection Mta)> BeginMailAsync(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250 mx", cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        return (client, mta);
    }

    // Once another session has gone through the shield, it has seen the end as well.
    private async Task VanishAsync(RawSmtpClient client, bool reset, CancellationToken cancellationToken)
    {
        await client.VanishAsync(reset);
        await ServeOtherAsync(cancellationToken);
    }

    private async Task ServeOtherAsync(CancellationToken cancellationToken)
    {
        await using var other = await RawSmtpClient.ConnectAsync(Shield.EndPoint, s_other, cancellationToken);
        await using var mta = await Mta.AcceptAsync(cancellationToken);
        await mta.SendAsync("220 mx ESMTP\r\n", cancellationToken);
        await other.ReplyAsync(cancellationToken);
        await ExchangeAsync(other, mta, "QUIT", "221 bye", cancellationToken);
    }

    // The next command, while a delay before the reply to the last one runs down.
    private async Task<string?> ReadLineAsync(MtaConnection mta, CancellationToken cancellationToken)
    {
        var next = mta.ReadLineAsync(cancellationToken);
        for (var spent = TimeSpan.Zero; !next.IsCompleted;)
        {
            // Behind the delay the shield waits for the MTA, half a minute at most: slowly then.
            var step = TimeSpan.FromMilliseconds(spent < TimeSpan.FromSeconds(5) ? 100 : 1);
            spent += step;
            Time!.Advance(step);
            await Task.Yield();
        }

        return await next;
    }

    private string[] Lines(string start) => [.. Shield.Log.Lines.Where(line => line.StartsWith(start, StringComparison.Ordinal)
        && line.Contains("[127.0.0.1]", StringComparison.Ordinal))];

    private int Counted(AnvilEvent kind) => Shield.Anvil.Peek(new(ServiceOptions.DefaultName, ClientRange.Of(IPAddress.Loopback, 32, 128))).Of(kind);
}
