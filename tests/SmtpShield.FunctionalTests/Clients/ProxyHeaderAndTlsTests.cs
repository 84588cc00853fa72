using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Clients;

/// <summary>A PROXY header in front of a TLS handshake (<c>smtpd_tls_wrappermode</c>).</summary>
[CancelAfter(60_000)]
internal sealed class ProxyHeaderAndTlsTests
{
    private const string Header = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 465\r\n";

    [Test]
    [Property("Hazard", "ID-9")]
    public async Task Connect_HeaderAndClientHelloInOneWrite_IsGreetedInsideTls(CancellationToken cancellationToken)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, Certificate(), cancellationToken);
            await using var mta = new ScriptedMta();
            mta.Serve(static connection => connection.SendAsync("220 mx\r\n", CancellationToken.None));
            var options = ShieldUnderTest.Before(mta) with
            {
                Proxy = new() { Protocol = UpstreamProxyProtocol.Haproxy, Sources = AddressPatternList.Parse("127.0.0.1") },
                Tls = new() { ChainFiles = [file], WrapperMode = true },
            };
            await using var shield = await ShieldUnderTest.StartAsync(options, cancellationToken);

            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(shield.EndPoint, cancellationToken);
            await using var tls = new SslStream(new HeaderFirst(socket));
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "mail.example.com",
                RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate?.Subject == "CN=mail.example.com" }, cancellationToken);
            using var reader = new StreamReader(tls, Encoding.ASCII);

            Assert.That(await reader.ReadLineAsync(cancellationToken), Is.EqualTo("220 mx"));
            Assert.That(shield.Log.Lines, Has.Member("connect from unknown[192.0.2.1]"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=mail.example.com", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return $"{key.ExportPkcs8PrivateKeyPem()}\n{certificate.ExportCertificatePem()}\n";
    }

    private sealed class HeaderFirst(Socket socket) : NetworkStream(socket, ownsSocket: false)
    {
        private bool _isSent;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_isSent)
                return base.WriteAsync(buffer, cancellationToken);
            _isSent = true;
            return base.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(Header), .. buffer.Span], cancellationToken);
        }
    }
}
