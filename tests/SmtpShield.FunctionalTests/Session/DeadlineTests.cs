using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>Every wait ends: the clock stands still until a test moves it.</summary>
[CancelAfter(10_000)]
internal sealed class DeadlineTests : RelayFixture
{
    protected override bool HasFakeTime => true;

    protected override int? MtaReceiveBuffer => 4096;

    [Test]
    public async Task Client_IdleForTheTimeout_Gets421(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(299));
        Assert.That(client.Unread(), Is.Empty);
        Time.Advance(TimeSpan.FromSeconds(1.1));

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.4.2 mail.example.com Error: timeout exceeded\r\n"));
    }

    [Test]
    public async Task Client_ResetsBehindCommandsThatAreDelayed_TheyAreNotCarriedOutForNobody(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        for (var error = 0; error < 10; error++)
            await ExchangeAsync(client, mta, "NONSENSE", "500 no", cancellationToken);
        await client.SendAsync(string.Concat(Enumerable.Repeat("NOOP\r\n", 50)), cancellationToken);
        var line = await mta.ReadLineAsync(cancellationToken);
        await client.VanishAsync(reset: true);

        var commands = 0;
        for (; line is not null; commands++)
        {
            await mta.SendAsync("250 ok\r\n", cancellationToken);
            var next = mta.ReadLineAsync(cancellationToken);
            while (!next.IsCompleted)
            {
                Time!.Advance(TimeSpan.FromMilliseconds(100));
                await Task.Yield();
            }

            line = await next;
        }

        Assert.That(commands, Is.LessThan(5));
    }

    [TestCase("NOOP", 300)]
    [TestCase("end", 600)]
    [Property("Hazard", "LOSS-1")]
    public async Task Mta_SilentForTheTimeout_ClientGets421(string command, int seconds, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("a\r\n.\r\n", cancellationToken);
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        if (command != "end")
        {
            await mta.SendAsync("250 ok\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
            await client.SendAsync(command + "\r\n", cancellationToken);
            await mta.ReadLineAsync(cancellationToken);
        }

        Time!.Advance(TimeSpan.FromSeconds(seconds - 1));
        Assert.That(client.Unread(), Is.Empty);
        Time.Advance(TimeSpan.FromSeconds(1.1));

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.3.0 mail.example.com Error: mail server unavailable\r\n"));
    }

    [Test]
    [Property("Hazard", "EOD-23")]
    public async Task Content_AmbiguousDotAndSilence_IsRefusedAfterFiveSeconds(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("a\n.\n", cancellationToken);
        await mta.ReadToLengthAsync(start + 1, cancellationToken);
        while (Shield.Log.Lines.All(static line => !line.Contains("ambiguous", StringComparison.Ordinal)))
            await Task.Yield();

        // The line may be there a moment before the wait has begun.
        var farewell = client.ReadToEndAsync(cancellationToken);
        while (!farewell.IsCompleted)
        {
            Time!.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.That(await farewell, Does.StartWith("521 5.5.2"));
    }

    [Test]
    public async Task Mta_TakesNoContentAndStaysOpen_SessionEndsAllTheSame(CancellationToken cancellationToken)
    {
        await using var client = await Shield.ConnectAsync(cancellationToken);
        await using var mta = await Mta.AcceptAsync(cancellationToken, read: false);
        await mta.SendAsync("220 mx\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await client.SendAsync("DATA\r\n", cancellationToken);
        await mta.WaitForOctetsAsync(cancellationToken);
        await mta.SendAsync("354 go\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("354 go"));
        var sending = client.SendAsync(new string('x', 32 << 20), cancellationToken);
        var farewell = client.ReadToEndAsync(cancellationToken);
        while (!farewell.IsCompleted)
        {
            Time!.Advance(TimeSpan.FromSeconds(100));
            await Task.Yield();
        }

        Assert.That(await farewell, Does.StartWith("421 4."));
        await client.DisposeAsync();
        await sending;
        while (!Shield.Drain.WhenEmpty.IsCompleted)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Time!.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
    }
}
