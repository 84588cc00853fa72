using SmtpShield.FunctionalTests.Session;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Limits;

/// <summary>Limits that reach over several sessions of a client, and what is logged about them.</summary>
internal sealed class ClientLimitTests : RelayFixture
{
    protected override bool HasFakeTime => true;

    protected override ShieldOptions Configure(ShieldOptions options) =>
        options with { Limits = options.Limits with { ClientErrorRateLimit = 1, ClientMessageRateLimit = 10 } };

    [Test]
    public async Task Connect_TooManyErrorsInEarlierSessions_IsRefusedUntilTheWindowHasPassed(CancellationToken cancellationToken)
    {
        for (var i = 0; i < 2; i++)
            await SessionAsync(cancellationToken);

        await using (var refused = await Shield.ConnectAsync(cancellationToken))
            Assert.That(await refused.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.7.0 mail.example.com Error: too many errors from 127.0.0.1\r\n"));
        Assert.That(Shield.Log.Lines, Does.Contain("Error rate limit exceeded: 2 from unknown[127.0.0.1] for service smtp"));

        Time!.Advance(TimeSpan.FromSeconds(61));
        await ConnectAsync(cancellationToken);
    }

    [Test]
    public async Task Stop_AfterSessions_LogsTheStatistics(CancellationToken cancellationToken)
    {
        await SessionAsync(cancellationToken);
        await Shield.StopAsync(cancellationToken);

        Assert.That(Shield.Log.Lines.Where(line => line.StartsWith("statistics: ", StringComparison.Ordinal)), Is.EqualTo(new[]
        {
            "statistics: max connection rate 1/60s for (smtp:127.0.0.1) at Jan  1 00:00:00",
            "statistics: max connection count 1 for (smtp:127.0.0.1) at Jan  1 00:00:00",
            "statistics: max message rate 1/60s for (smtp:127.0.0.1) at Jan  1 00:00:00",
            "statistics: max error rate 1/60s for (smtp:127.0.0.1) at Jan  1 00:00:00",
            "statistics: max cache size 1 at Jan  1 00:00:00",
        }));
    }

    private async Task SessionAsync(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "550 no", cancellationToken);
        await ExchangeAsync(client, mta, "QUIT", "221 bye", cancellationToken);
        mta.Close();
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        client.EndSending();
    }
}
