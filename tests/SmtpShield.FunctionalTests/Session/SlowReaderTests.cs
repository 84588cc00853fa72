namespace SmtpShield.FunctionalTests.Session;

/// <summary>A client that does not take its replies.</summary>
[CancelAfter(10_000)]
internal sealed class SlowReaderTests : RelayFixture
{
    protected override bool HasFakeTime => true;

    [Test]
    [Property("Hazard", "DOS-2"), Property("Hazard", "PIPE-13")]
    public async Task Write_NotTakenForAMinute_EndsTheSessionThoughTheClientSends(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken, read: false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var answering = AnswerAsync();
        var minutes = 0;
        while (!mta.Ended.IsCompleted)
        {
            // One octet at a time, so that there is always something new from the client.
            await client.SendAsync(minutes++ % 2 == 0 ? "X" : "\r\n", cancellationToken);
            if (minutes % 50 == 0)
                Time!.Advance(TimeSpan.FromSeconds(1));
        }

        await answering;
        await stop.CancelAsync();
        await client.VanishAsync(reset: true);

        async Task AnswerAsync()
        {
            var reply = string.Concat(Enumerable.Repeat("250-" + new string('x', 400) + "\r\n", 140)) + "250 x\r\n";
            while (await mta.ReadLineAsync(cancellationToken) is not null)
                await mta.SendAsync(reply, cancellationToken);
        }
    }
}
