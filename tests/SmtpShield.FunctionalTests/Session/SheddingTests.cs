using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>Which sessions end, and how, when memory is nearly used up.</summary>
internal sealed class SheddingTests : RelayFixture
{
    private const string NotAvailable = "421 4.3.2 mail.example.com Service not available, closing transmission channel\r\n";

    // A round of shedding asks eight sessions where there are few.
    private const int Round = 8;

    private static readonly TimeSpan _delay = TimeSpan.FromSeconds(600);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    protected override bool HasFakeTime => true;

    protected override ScriptedHeap Heap { get; } = new();

    protected override ShieldOptions Configure(ShieldOptions options) => options with
    {
        Limits = options.Limits with { ClientConnectionCountLimit = 0, SoftErrorLimit = 1, ErrorSleepTime = _delay },
        Smtpd = options.Smtpd with { Timeout = _delay * 1000 },
    };

    [TearDown]
    public void Relax() => Heap.InUse = 0;

    [Test]
    public async Task Shedding_IdleSessions_AreToldAndTheLogSaysSo(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);

        await LookAsync(percent: 91, cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(NotAvailable));
        await mta.Ended.WaitAsync(cancellationToken);
        await LookAsync(percent: 10, cancellationToken);
        await Eventually.HoldsAsync(() => Shield.Log.Lines.Any(static line => line.StartsWith("memory is no longer short", StringComparison.Ordinal)),
            _patience, "clients are accepted", cancellationToken);
        Assert.That(Shield.Log.Lines.Where(line => line.Contains("memory") || line.StartsWith("session")), Is.EqualTo(new[]
        {
            "memory is short: 59637 of 65536 MiB are in use; no client is accepted until there is room (DOTNET_GCHeapHardLimit, "
                + "or 75 % of a container's limit and of systemd MemoryMax=)",
            "memory is nearly used up: 59637 of 65536 MiB are in use; sessions are ended with 421, those that hold most first; to avoid this condition, "
                + "raise the memory limit or lower default_process_limit",
            "session ended after NOOP from unknown[127.0.0.1]: memory is short",
            "sessions are no longer ended: 1 were, for want of memory, and 6553 of 65536 MiB are in use",
            "memory is no longer short: 6553 of 65536 MiB are in use; clients are accepted again",
        }));
        var (next, _) = await ConnectAsync(cancellationToken);
        await next.SendAsync("QUIT\r\n", cancellationToken);
    }

    [Test]
    public async Task Shedding_MessagesUnderWay_AreLeftAlone(CancellationToken cancellationToken)
    {
        var (sender, mtaOfSender, start) = await BeginDataAsync(cancellationToken);
        await sender.SendAsync("Subject: x\r\n", cancellationToken);
        await mtaOfSender.ReadToLengthAsync(start + 10, cancellationToken);
        var (waiting, mtaOfWaiting, _) = await BeginDataAsync(cancellationToken);
        await waiting.SendAsync("a\r\n.\r\n", cancellationToken);
        await mtaOfWaiting.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        var idle = new List<RawSmtpClient>();
        for (var i = 0; i < Round; i++)
            idle.Add((await ConnectAsync(cancellationToken)).Client);

        await LookAsync(percent: 95, cancellationToken);
        foreach (var client in idle)
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(NotAvailable));
        await LookAsync(percent: 89, cancellationToken);

        await sender.SendAsync("\r\nwords\r\n.\r\n", cancellationToken);
        Assert.That(await mtaOfSender.ReadThroughAsync("\r\n.\r\n", cancellationToken), Does.EndWith("Subject: x\r\n\r\nwords\r\n.\r\n"));
        await mtaOfSender.SendAsync("250 2.0.0 first\r\n", cancellationToken);
        Assert.That(await sender.ReplyAsync(cancellationToken), Is.EqualTo("250 2.0.0 first"));
        await mtaOfWaiting.SendAsync("250 2.0.0 second\r\n", cancellationToken);
        Assert.That(await waiting.ReplyAsync(cancellationToken), Is.EqualTo("250 2.0.0 second"));
    }

    // Nothing else is left to end: wherever content stands, it has its MTA's verdict or the MTA never has its end.
    [Test, CancelAfter(60_000)]
    public async Task Shedding_AtEachOctetOfContent_IsToldUnlessTheMtaHasItWhole([Values] bool isChunk, CancellationToken cancellationToken)
    {
        const string Content = "a\r\n.b\r\n.\r\n";
        for (var at = 0; at <= Content.Length; at++)
        {
            var (client, mta, start) = isChunk ? await BeginLastChunkAsync(Content.Length, cancellationToken) : await BeginDataAsync(cancellationToken);
            await client.SendAsync(Content[..at], cancellationToken);
            var isWhole = at == Content.Length;
            if (isWhole)
                await mta.ReadToLengthAsync(start + at, cancellationToken);
            await LookAsync(percent: 95, cancellationToken);
            if (isWhole)
            {
                await mta.SendAsync("250 2.0.0 queued\r\n", cancellationToken);
                Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 2.0.0 queued"));
            }

            // A reply has gone a moment before others see that its message is over.
            var farewell = client.ReadToEndAsync(cancellationToken);
            while (isWhole && !farewell.IsCompleted)
            {
                await LookAsync(percent: 95, cancellationToken);
                await Task.WhenAny(farewell, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken));
            }

            Assert.That(await farewell, Is.EqualTo(NotAvailable), $"{at} octets");
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.Received[start..],
                isWhole ? Is.EqualTo($"{Content}QUIT\r\n") : Has.Length.LessThan(Content.Length).And.Not.Contain("\r\n.\r\n"), $"{at} octets");
            await LookAsync(percent: 10, cancellationToken);
        }
    }

    [Test]
    public async Task Shedding_ReplyThatIsDelayed_IsNotWaitedFor(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "FOO", "500 5.5.2 no", cancellationToken);
        await client.SendAsync(string.Concat(Enumerable.Repeat("NOOP\r\n", 5000)), cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync("250 ok\r\n", cancellationToken);

        await LookAsync(percent: 91, cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(NotAvailable));
    }

    [Test]
    public async Task Shedding_BetweenTheLinesOfAReply_SaysNothing(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "FOO", "500 5.5.2 no", cancellationToken);
        await client.SendAsync("EHLO c\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync("250-mx\r\n" + string.Concat(Enumerable.Repeat("250-SIZE\r\n", 50)) + "250 8BITMIME\r\n", cancellationToken);

        // Each line is delayed.
        while (!await client.WaitForMoreAsync(TimeSpan.FromMilliseconds(20), cancellationToken))
            Time!.Advance(_delay);
        Assert.That((await client.ReadLineAsync(cancellationToken))?.Text, Is.EqualTo("250-mx"));

        await LookAsync(percent: 91, cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Does.Not.Contain("421"));
    }

    [Test]
    public async Task Shedding_Tunnel_GoesOnOnceItIsUsed(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "STARTTLS", "220 go", cancellationToken);
        await client.SendAsync("hello", cancellationToken);
        await mta.ReadThroughAsync("hello", cancellationToken);
        var (silent, mtaOfSilent) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(silent, mtaOfSilent, "STARTTLS", "220 go", cancellationToken);

        await LookAsync(percent: 95, cancellationToken);

        Assert.That(await silent.ReadToEndAsync(cancellationToken), Is.Empty);
        await mta.SendAsync("250 queued\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 queued"));
    }

    private async Task<(RawSmtpClient Client, MtaConnection Mta, int Start)> BeginLastChunkAsync(int size, CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
        await client.SendAsync($"BDAT {size} LAST\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        return (client, mta, mta.ReceivedLength);
    }

    // One look behind each tick, until one has collected: that is twice a second at most, or each two seconds.
    private async Task LookAsync(int percent, CancellationToken cancellationToken)
    {
        var collections = Heap.Collections;
        Heap.InUse = ShieldUnderTest.Memory / 100 * percent;
        do
        {
            var looks = Heap.Looks;
            Time!.Advance(TimeSpan.FromMilliseconds(250));
            await Eventually.HoldsAsync(() => Heap.Looks > looks, _patience, "the guard looks", cancellationToken);
        }
        while (percent >= 70 && Heap.Collections == collections);
    }
}
