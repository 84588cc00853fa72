using SmtpShield.Options;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>
/// Recipients above <c>smtpd_recipient_limit</c> are no errors up to <c>smtpd_recipient_overshoot_limit</c>, whatever the refusal looks like.
/// </summary>
internal sealed class RecipientOvershootTests : RelayFixture
{
    protected override ShieldOptions Configure(ShieldOptions options) =>
        options with { Limits = options.Limits with { RecipientLimit = 1, RecipientOvershootLimit = 2, SoftErrorLimit = 1000, HardErrorLimit = 1 } };

    [TestCase("250-mx\r\n250 ENHANCEDSTATUSCODES", "452 4.5.3 Error: too many recipients")]
    [TestCase("250 mx", "452 Error: too many recipients")]
    public async Task Recipient_AboveTheLimit_IsAnErrorOnlyBeyondTheOvershoot(string offer, string refusal, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", offer, cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
        for (var i = 0; i < 3; i++)
            Assert.That(await client.CommandAsync("RCPT TO:<c@y>", cancellationToken), Is.EqualTo(refusal));

        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("421 ").And.EndsWith("too many errors"));
    }
}
