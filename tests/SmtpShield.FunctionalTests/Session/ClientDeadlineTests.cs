using SmtpShield.Options;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>How long a client may take for what it sends, octet by octet: no trickle outlasts its bound, and nobody pays for the time the MTA takes.</summary>
[CancelAfter(10_000)]
internal sealed class ClientDeadlineTests : RelayFixture
{
    private const int Length = 24 << 20;

    // What an MTA has got before content.
    private const string Beginning = "DATA\r\n";

    private const string TimeoutExceeded = "421 4.4.2 mail.example.com Error: timeout exceeded\r\n";

    protected override bool HasFakeTime => true;

    protected override int? MtaReceiveBuffer => 4096;

    [TestCase("x", true)]
    [TestCase("x", false)]
    [TestCase("\n", false)]
    [TestCase("\r", false)]
    [Property("Hazard", "CMD-4")]
    public async Task Line_WithoutAnEnd_EndsTheSessionAtTheRequestDeadline(string octet, bool acceptsLf, CancellationToken cancellationToken)
    {
        Set(options => options with { AcceptLfCommands = acceptsLf });
        await TrickleLineAsync(octet, 60, cancellationToken);
    }

    [Test, Property("Hazard", "CMD-4"), Property("Hazard", "CMD-3")]
    public Task Line_TooLongAndWithoutAnEnd_EndsTheSessionAtTheRequestDeadline(CancellationToken cancellationToken) =>
        TrickleLineAsync(new string('x', 500), 60, cancellationToken);

    [TestCase(true, 10)]
    [TestCase(false, 60)]
    [Property("Hazard", "DOS-1")]
    public Task Line_WithOneOctetNowAndThen_EndsTheSession(bool perRequest, int seconds, CancellationToken cancellationToken)
    {
        Set(options => options with { PerRequestDeadline = perRequest, Timeout = TimeSpan.FromSeconds(10) });
        return TrickleLineAsync("x", seconds, cancellationToken);
    }

    [Test, Property("Hazard", "DOS-1")]
    public async Task Noops_EverySoOften_EndAtTheJunkAndErrorLimits(CancellationToken cancellationToken)
    {
        Reconfigure(
            static options => options with { Limits = options.Limits with { JunkCommandLimit = 3, HardErrorLimit = 3, ErrorSleepTime = TimeSpan.Zero } });
        var (client, mta) = await BeginAsync(cancellationToken);

        // RSET was the first: limit + 1 are free, and three more are too many.
        for (var i = 0; i < 6; i++)
        {
            Time!.Advance(TimeSpan.FromSeconds(299));
            await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        }

        Assert.That(await FarewellAsync(client, cancellationToken), Is.EqualTo("421 4.7.0 mail.example.com Error: too many errors\r\n"));
    }

    // 180 s or smtpd_timeout at the start, whichever is longer, and 1 s more for each 500 octets; with smtpd_per_request_deadline smtpd_timeout alone.
    [TestCase("DATA", false, 300, 1, 300)]
    [TestCase("DATA", false, 10, 1, 180)]
    [TestCase("DATA", true, 10, 1, 10)]
    [TestCase("DATA", false, 300, 250, 599)]
    [TestCase("DATA", true, 10, 250, 19)]
    [TestCase("BDAT", false, 300, 1, 300)]
    [TestCase("BDAT", false, 10, 1, 180)]
    [TestCase("BDAT", true, 10, 1, 10)]
    [Property("Hazard", "DOS-1"), Property("Hazard", "BDAT-12")]
    public async Task Content_Trickling_EndsTheSessionWhenItsBudgetIsUsedUp(
        string by, bool perRequest, int timeout, int octetsPerSecond, int seconds, CancellationToken cancellationToken)
    {
        Set(options => options with { PerRequestDeadline = perRequest, Timeout = TimeSpan.FromSeconds(timeout) });
        var (client, mta) = await BeginContentAsync(by, cancellationToken);

        await TrickleAsync(client, mta, new string('x', octetsPerSecond), 1, seconds, cancellationToken);
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received, Does.EndWith("x"));
    }

    [TestCase("DATA")]
    [TestCase("BDAT")]
    [Property("Hazard", "BDAT-12"), Property("Hazard", "DOS-1")]
    public async Task Content_OneOctetEveryTenSeconds_EndsTheSession(string by, CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginContentAsync(by, cancellationToken);

        await TrickleAsync(client, mta, "x", 10, 300, cancellationToken);
    }

    [TestCase(true, 500)]
    [TestCase(true, 1000)]
    [TestCase(false, 500)]
    [Property("Hazard", "DOS-1")]
    public async Task Content_AtTheLeastRate_GoesOnForever(bool perRequest, int octetsPerSecond, CancellationToken cancellationToken)
    {
        Set(options => options with { PerRequestDeadline = perRequest, Timeout = TimeSpan.FromSeconds(10) });
        var (client, mta) = await BeginContentAsync("DATA", cancellationToken);
        var start = mta.ReceivedLength;
        for (var second = 1; second <= 1000; second++)
        {
            await client.SendAsync(new string('x', octetsPerSecond), cancellationToken);
            await mta.ReadToLengthAsync(start + (second * octetsPerSecond), cancellationToken);
            Assert.That(mta.Ended.IsCompleted, Is.False);
            Time!.Advance(TimeSpan.FromSeconds(1));
        }

        await FinishAsync(client, mta, mta.ReceivedLength, cancellationToken);
    }

    // The client has sent what it had and waits; only the MTA is late.
    [TestCase(true, 10, 250)]
    [TestCase(false, 200, 250)]
    [Property("Hazard", "DOS-1")]
    public async Task Content_TheMtaTakesNoMore_IsNotChargedToTheClient(bool perRequest, int timeout, int stall, CancellationToken cancellationToken)
    {
        Set(options => options with { PerRequestDeadline = perRequest, Timeout = TimeSpan.FromSeconds(timeout) });
        var (client, mta) = await BeginContentWithoutReadingAsync(cancellationToken);
        var sending = client.SendAsync(new string('x', Length), cancellationToken);
        await SettleAsync(sending, cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(stall));
        Assert.That(client.Unread(), Is.Empty);
        mta.StartReading();
        await sending;
        await mta.ReadToLengthAsync(Beginning.Length + Length, cancellationToken);
        Time.Advance(TimeSpan.FromSeconds(timeout - 2));
        Assert.That(client.Unread(), Is.Empty);
        await FinishAsync(client, mta, Beginning.Length + Length, cancellationToken);
    }

    // An MTA that was not asked for anything for minutes has its whole time from when it is.
    [Test, Property("Hazard", "DOS-1"), Property("Hazard", "LOSS-9")]
    public async Task Content_BehindALongPause_MtaHasItsWholeTimeToTakeIt([Values("DATA", "BDAT")] string by, CancellationToken cancellationToken)
    {
        Set(static options => options with { Timeout = TimeSpan.FromSeconds(600) });
        var (client, mta) = await BeginContentWithoutReadingAsync(cancellationToken, by);
        Time!.Advance(TimeSpan.FromSeconds(299));
        var sending = client.SendAsync(new string('x', Length), cancellationToken);
        await SettleAsync(sending, cancellationToken);
        Time.Advance(TimeSpan.FromSeconds(298));
        await SettleAsync(sending, cancellationToken);
        Assert.That(client.Unread(), Is.Empty);
        mta.StartReading();
        await sending;
        var all = (by == "DATA" ? Beginning.Length : "EHLO c\r\nBDAT 25165824\r\n".Length) + Length;
        await mta.ReadToLengthAsync(all, cancellationToken);
        Assert.That(mta.ReceivedLength, Is.EqualTo(all));
    }

    [Test, Property("Hazard", "DOS-1")]
    public async Task SaslResponse_BehindALateChallenge_HasItsWholeTime(CancellationToken cancellationToken)
    {
        Set(static options => options with { PerRequestDeadline = true, Timeout = TimeSpan.FromSeconds(10) });
        var (client, mta) = await BeginAsync(cancellationToken);
        await client.SendAsync("AUTH LOGIN\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(20));
        await mta.SendAsync("334 VXNlcg==\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("334 VXNlcg=="));
        Time.Advance(TimeSpan.FromSeconds(9));
        await ExchangeAsync(client, mta, "dXNlcg==", "334 UGFzcw==", cancellationToken);
        Time.Advance(TimeSpan.FromSeconds(9));
        Assert.That(client.Unread(), Is.Empty);
        Time.Advance(TimeSpan.FromSeconds(1.1));

        Assert.That(await FarewellAsync(client, cancellationToken), Is.EqualTo(TimeoutExceeded));
    }

    [Test, Property("Hazard", "PIPE-16")]
    public async Task Group_OfErrors_IsDelayedFromTheSoftLimitOnInOrder(CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginAsync(cancellationToken);
        await client.SendAsync(string.Concat(Enumerable.Range(0, 15).Select(static i => $"RCPT TO:<{i}@y>\r\n")), cancellationToken);
        for (var i = 0; i < 15; i++)
        {
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo($"RCPT TO:<{i}@y>"));
            await mta.SendAsync($"550 {i}\r\n", cancellationToken);
            if (i < 10)
                continue;

            // The timer is there a moment behind the reply.
            var next = client.ReadLineAsync(cancellationToken);
            if (i == 10)
            {
                for (var earlier = 0; earlier < 10; earlier++, next = client.ReadLineAsync(cancellationToken))
                    Assert.That((await AdvanceUntilAsync(next))?.Text, Is.EqualTo($"550 {earlier}"));
            }

            var start = Time!.Elapsed;
            Assert.That((await AdvanceUntilAsync(next))?.Text, Is.EqualTo($"550 {i}"));
            Assert.That(i == 10 || Time.Elapsed - start >= TimeSpan.FromSeconds(0.9), Is.True, "the reply was not delayed");
        }

        async Task<ReplyLine?> AdvanceUntilAsync(Task<ReplyLine?> line)
        {
            while (!line.IsCompleted)
            {
                await Task.WhenAny(line, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, cancellationToken));
                if (!line.IsCompleted)
                    Time!.Advance(TimeSpan.FromMilliseconds(100));
            }

            return await line;
        }
    }

    [Test, Property("Hazard", "DOS-1")]
    public async Task Session_AtItsTimeLimit_IsEnded(CancellationToken cancellationToken)
    {
        Set(static options => options with { SessionTimeLimit = TimeSpan.FromSeconds(1000) });
        var (client, mta) = await BeginAsync(cancellationToken);
        for (var i = 0; i < 4; i++)
        {
            Time!.Advance(TimeSpan.FromSeconds(249));
            await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        }

        Time!.Advance(TimeSpan.FromSeconds(2.9));
        Assert.That(client.Unread(), Is.Empty);
        Time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.That(await FarewellAsync(client, cancellationToken), Is.EqualTo(TimeoutExceeded));
    }

    [Test, Property("Hazard", "DOS-1"), Property("Hazard", "PIPE-8")]
    public async Task Session_AtItsTimeLimitInContent_FinishesTheMessageFirst(CancellationToken cancellationToken)
    {
        Set(static options => options with { SessionTimeLimit = TimeSpan.FromSeconds(100) });
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(101));
        await client.SendAsync("a", cancellationToken);
        await mta.ReadToLengthAsync(start + 1, cancellationToken);
        await client.SendAsync("\r\n.\r\n", cancellationToken);
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        Time.Advance(TimeSpan.FromSeconds(101));
        Assert.That(client.Unread(), Is.Empty);
        await mta.SendAsync("250 queued\r\n", cancellationToken);

        Assert.That(await FarewellAsync(client, cancellationToken), Is.EqualTo("250 queued\r\n" + TimeoutExceeded));
    }

    [TestCase("DATA")]
    [TestCase("BDAT")]
    [Property("Hazard", "LOSS-1")]
    public async Task Message_AnsweredLate_IsAnswered(string by, CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginContentAsync(by, cancellationToken, length: 2);
        await client.SendAsync(by == "DATA" ? "x\r\n.\r\n" : "y", cancellationToken);
        await mta.ReadThroughAsync(by == "DATA" ? "\r\n.\r\n" : "y", cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(599));
        Assert.That(client.Unread(), Is.Empty);
        await mta.SendAsync("250 queued\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 queued"));
    }

    private void Set(Func<SmtpdOptions, SmtpdOptions> change) => Reconfigure(options => options with { Smtpd = change(options.Smtpd) });

    // A session that is a little older than the clock: 0 is no time.
    private async Task<(RawSmtpClient Client, MtaConnection Mta)> BeginAsync(CancellationToken cancellationToken)
    {
        Time!.Advance(TimeSpan.FromSeconds(1));
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "RSET", "250 ok", cancellationToken);
        return (client, mta);
    }

    private async Task<(RawSmtpClient Client, MtaConnection Mta)> BeginContentAsync(string by, CancellationToken cancellationToken, int length = 100_000_000)
    {
        if (by == "DATA")
        {
            var (client, mta, _) = await BeginDataAsync(cancellationToken);
            return (client, mta);
        }

        var chunks = await BeginChunksAsync(cancellationToken);
        await chunks.Client.SendAsync($"BDAT {length} LAST\r\nx", cancellationToken);
        await chunks.Mta.ReadThroughAsync("\r\nx", cancellationToken);
        return (chunks.Client, chunks.Mta);
    }

    private async Task<(RawSmtpClient Client, MtaConnection Mta)> BeginContentWithoutReadingAsync(CancellationToken cancellationToken, string by = "DATA")
    {
        var client = Keep(await Shield.ConnectAsync(cancellationToken));
        var mta = await Mta.AcceptAsync(cancellationToken, read: false);
        await mta.SendAsync("220 mx\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await client.SendAsync(by == "BDAT" ? "EHLO c\r\n" : "DATA\r\n", cancellationToken);
        await mta.WaitForOctetsAsync(cancellationToken);
        if (by == "BDAT")
        {
            await mta.SendAsync("250-mx\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n", cancellationToken);
            await client.ReplyAsync(cancellationToken);
            await client.SendAsync("BDAT 25165824\r\n", cancellationToken);
            return (client, mta);
        }

        await mta.SendAsync("354 go\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("354 go"));
        return (client, mta);
    }

    private static async Task FinishAsync(RawSmtpClient client, MtaConnection mta, int received, CancellationToken cancellationToken)
    {
        await client.SendAsync("\r\n.\r\n", cancellationToken);
        await mta.ReadToLengthAsync(received + 5, cancellationToken);
        await mta.SendAsync("250 queued\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 queued"));
    }

    // Content that comes at every interval, up to just before its time is over, and no more of it then.
    private async Task TrickleAsync(RawSmtpClient client, MtaConnection mta, string octets, int interval, int seconds, CancellationToken cancellationToken)
    {
        var length = mta.ReceivedLength;
        var passed = 0;
        for (; passed + interval < seconds; passed += interval)
        {
            await client.SendAsync(octets, cancellationToken);
            await mta.ReadToLengthAsync(length += octets.Length, cancellationToken);
            Time!.Advance(TimeSpan.FromSeconds(interval));
        }

        Assert.That((client.Unread(), mta.Ended.IsCompleted), Is.EqualTo(("", false)));
        Time!.Advance(TimeSpan.FromSeconds(seconds + 3 - passed));
        Assert.That(await FarewellAsync(client, cancellationToken), Is.EqualTo(TimeoutExceeded));
    }

    // A line of which an octet comes each second. Its first one came with the command before, so it is there when the reply to that is.
    private async Task TrickleLineAsync(string octets, int seconds, CancellationToken cancellationToken)
    {
        var (other, otherMta) = await BeginAsync(cancellationToken);
        var (client, mta) = await BeginAsync(cancellationToken);
        await client.SendAsync("RSET\r\n" + octets, cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync("250 ok\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
        for (var second = 1; second < seconds; second++)
        {
            await client.SendAsync(octets, cancellationToken);

            // Another session goes through the shield meanwhile, so that the octets have been there before the clock moves.
            await ExchangeAsync(other, otherMta, "HELP", "214 ok", cancellationToken);
            Time!.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.That(client.Unread(), Is.Empty);
        Time!.Advance(TimeSpan.FromSeconds(1.1));
        Assert.That(await FarewellAsync(client, cancellationToken), Is.EqualTo(TimeoutExceeded));
        Assert.That(mta.ReceivedOfClient, Is.EqualTo("RSET\r\nRSET\r\n"));
    }

    // What is due may have become so while the session was at work: then it is armed for a millisecond later.
    private async Task<string> FarewellAsync(RawSmtpClient client, CancellationToken cancellationToken)
    {
        var farewell = client.ReadToEndAsync(cancellationToken);
        while (!farewell.IsCompleted)
        {
            Time!.Advance(TimeSpan.FromMilliseconds(1));
            await Task.WhenAny(farewell, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, cancellationToken));
        }

        return await farewell;
    }

    // Until the client can send no more: the MTA's, the shield's and its own buffers are full.
    private async Task SettleAsync(Task sending, CancellationToken cancellationToken)
    {
        await Eventually.HoldsAsync(() => Shield.Sessions.Views.Any(static view => view.Standing.Held > 0), TimeSpan.FromSeconds(20), "content is held",
            cancellationToken);
        Assert.That(await Eventually.TryAsync(() => sending.IsCompleted, TimeSpan.FromMilliseconds(400), cancellationToken), Is.False,
            "the MTA has taken all of it");
    }
}
