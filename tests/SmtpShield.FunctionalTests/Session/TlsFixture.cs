using System.Security.Authentication;
using SmtpShield.Options;
using SmtpShield.Testing.Smtp;
using SmtpShield.Testing.Tls;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>A shield that ends its clients' TLS, before one <see cref="ScriptedMta"/>.</summary>
internal abstract class TlsFixture : RelayFixture
{
    protected const string Ready = "220 2.0.0 Ready to start TLS";

    private string _chain = "";

    protected override ShieldOptions Configure(ShieldOptions options)
    {
        _chain = Path.GetTempFileName();
        File.WriteAllText(_chain, TestCertificate.Make("mail.example.com").Chain);
        return options with { Tls = options.Tls with { ChainFiles = [_chain], LogLevel = 1 } };
    }

    [TearDown]
    public void RemoveCertificate() => File.Delete(_chain);

    /// <summary>Goes on inside TLS; the MTA's new connection has greeted.</summary>
    protected async Task<MtaConnection> StartTlsAsync(RawSmtpClient client, CancellationToken cancellationToken, string greeting = "220 mx again\r\n")
    {
        Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Is.EqualTo(Ready));
        Assert.That(await client.StartTlsAsync(cancellationToken), Is.EqualTo(SslProtocols.Tls13));
        var mta = await Mta.AcceptAsync(cancellationToken);
        await mta.SendAsync(greeting, cancellationToken);
        return mta;
    }
}
