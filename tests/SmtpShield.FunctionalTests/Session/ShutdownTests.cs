namespace SmtpShield.FunctionalTests.Session;

/// <summary>What a session says and does when the shield stops.</summary>
[CancelAfter(10_000)]
internal sealed class ShutdownTests : RelayFixture
{
    private const string ShuttingDown = "421 4.3.2 mail.example.com Service not available, closing transmission channel\r\n";

    protected override bool HasFakeTime => true;

    [Test]
    [Property("Hazard", "LOSS-10")]
    public async Task Drain_IdleSession_IsToldAndEnded(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        Shield.Drain.Begin();

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(ShuttingDown));
    }

    [Test]
    [Property("Hazard", "PIPE-8")]
    public async Task Drain_MessageUnderWay_IsAnsweredByTheMtaFirst(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginDataAsync(cancellationToken);
        Shield.Drain.Begin();
        await client.SendAsync("a\r\n.\r\n", cancellationToken);
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        await mta.SendAsync("250 queued\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("250 queued\r\n" + ShuttingDown));
    }

    [Test]
    [Property("Hazard", "LOSS-10")]
    public async Task Drain_DeadlineInContent_IsToldAndTheMtaSeesNoEnd(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("a", cancellationToken);
        await mta.ReadToLengthAsync(start + 1, cancellationToken);
        Shield.Drain.Begin();
        Time!.Advance(TimeSpan.FromSeconds(31));

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(ShuttingDown));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Is.EqualTo("a"));
    }

    [Test]
    public async Task Drain_DeadlineInATunnel_SaysNothingInPlaintext(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "STARTTLS", "220 go", cancellationToken);
        Shield.Drain.Begin();
        Time!.Advance(TimeSpan.FromSeconds(31));

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
    }
}
