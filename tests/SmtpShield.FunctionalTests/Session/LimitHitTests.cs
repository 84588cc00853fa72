using SmtpShield.Metrics;
using SmtpShield.Options;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>What of a session's rules is counted as a hit.</summary>
internal sealed class LimitHitTests : RelayFixture
{
    protected override bool HasFakeTime => true;

    protected override ShieldOptions Configure(ShieldOptions options) => options with
    {
        Smtpd = options.Smtpd with { HeloRequired = true, Timeout = TimeSpan.FromSeconds(30), SessionTimeLimit = TimeSpan.FromSeconds(100) },
        Limits = options.Limits with { JunkCommandLimit = 1 },
    };

    [Test]
    public async Task Hits_OfHeloJunkAndALateClient_AreCountedByTheirParameters(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await client.CommandAsync("MAIL FROM:<a@x>", cancellationToken), Does.StartWith("503 5.5.1"));
        Assert.That(Hits(), Is.EqualTo("smtpd_helo_required 1"));

        for (var i = 0; i < 3; i++)
            await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        Assert.That(Hits(), Is.EqualTo("smtpd_helo_required 1, smtpd_junk_command_limit 1"), "two are free, the third is an error");

        Time!.Advance(TimeSpan.FromSeconds(30));
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("421 4.4.2 mail.example.com Error: timeout exceeded"));
        Assert.That(Hits(), Is.EqualTo("smtpd_helo_required 1, smtpd_junk_command_limit 1, smtpd_timeout 1"));
        mta.Close();
    }

    [Test]
    public async Task Hits_OfALineThatIsNotEnded_AreThoseOfItsDeadline(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with
        {
            Smtpd = options.Smtpd with { Timeout = TimeSpan.FromSeconds(300), RequestDeadline = TimeSpan.FromSeconds(20), SessionTimeLimit = TimeSpan.Zero },
        });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250 mx", cancellationToken);
        await client.SendAsync("MAIL FR", cancellationToken);
        var reply = client.ReplyAsync(cancellationToken);
        while (!reply.IsCompleted)
        {
            Time!.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.That(await reply, Is.EqualTo("421 mail.example.com Error: timeout exceeded"));
        Assert.That(Hits(), Is.EqualTo("shield_request_deadline 1"));
        mta.Close();
    }

    private string Hits()
    {
        var samples = new MetricSamples();
        Shield.Metrics.Collect(samples);
        return string.Join(", ", samples.Of(MetricCatalog.LimitHits).Where(static sample => sample.Value > 0)
            .Select(static sample => FormattableString.Invariant($"{sample.Labels[1]} {sample.Value}")).Order(StringComparer.Ordinal));
    }
}
