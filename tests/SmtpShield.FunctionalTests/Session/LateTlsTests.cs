using SmtpShield.Options;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>STARTTLS of clients that have no session with the MTA yet (<c>shield_upstream_connect = mail</c>).</summary>
internal sealed class LateTlsTests : TlsFixture
{
    protected override ShieldOptions Configure(ShieldOptions options) =>
        base.Configure(options with { Upstream = options.Upstream with { Connect = UpstreamConnect.Mail, SlowStart = TimeSpan.Zero } });

    [Test, Property("Pool", "SEAM-35")]
    public async Task Handshake_ThatFails_NeverReachesTheMta(CancellationToken cancellationToken)
    {
        var client = await ConnectLateAsync(cancellationToken);
        Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Is.EqualTo(Ready));
        await client.SendAsync("this is no handshake\r\n", cancellationToken);
        await client.ReadToEndAsync(cancellationToken);

        Assert.That(Mta.HasWaiting, Is.False);
    }

    [Test, Property("Pool", "SEAM-35")]
    public async Task Dial_BehindTheHandshake_Fails_IsToldInsideTls(CancellationToken cancellationToken)
    {
        var client = await ConnectLateAsync(cancellationToken);
        Mta.StopListening();
        Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Is.EqualTo(Ready));
        Assert.That(await client.StartTlsAsync(cancellationToken), Is.Not.Null);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("421 4.3.0 mail.example.com Error: mail server unavailable"));
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
    }

    // A first client lets the shield know what the MTA says.
    private async Task<RawSmtpClient> ConnectLateAsync(CancellationToken cancellationToken)
    {
        var (first, mta) = await ConnectAsync(cancellationToken);
        await first.SendAsync("EHLO c\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("EHLO c"));
        await mta.SendAsync("250-mx\r\n250 ENHANCEDSTATUSCODES\r\n", cancellationToken);
        Assert.That(await first.ReplyAsync(cancellationToken), Does.Contain("STARTTLS"));

        var client = Keep(await Shield.ConnectAsync(cancellationToken));
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx ESMTP"));
        Assert.That(await client.CommandAsync("EHLO d", cancellationToken), Does.Contain("STARTTLS"));
        Assert.That(Mta.HasWaiting, Is.False);
        return client;
    }
}
