using System.Net.Security;
using System.Net.Sockets;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;
using SmtpShield.Testing.Tls;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>Sessions in <c>smtpd_tls_wrappermode</c> that end before the client is greeted.</summary>
[CancelAfter(60_000)]
public class WrappedSessionTests
{
    private static readonly TestCertificate s_certificate = TestCertificate.Make("mail.example.com");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [TestCase(false)]
    [TestCase(true)]
    [Property("Hazard", "ID-16")]
    public async Task Dial_ForAClientThatIsGone_EndsTheSessionAndIsNoError(bool greets, CancellationToken cancellationToken)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, s_certificate.Chain, cancellationToken);
            await using var mta = new ScriptedMta();
            await using var shield = await ShieldUnderTest.StartAsync(
                ShieldUnderTest.Before(mta) with { Tls = new() { ChainFiles = [file], WrapperMode = true } }, cancellationToken);
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(shield.EndPoint, cancellationToken);
            await using (var tls = new SslStream(new NetworkStream(socket, ownsSocket: false)))
            {
                await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "mail.example.com",
                    RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate?.Subject == "CN=mail.example.com" }, cancellationToken);
                await using var connection = await mta.AcceptAsync(cancellationToken);
                socket.Close(0);
                if (greets)
                    await connection.SendAsync("220 mx\r\n", cancellationToken);
                else
                    connection.Close();
                await Eventually.HoldsAsync(() => shield.Log.Lines.Any(static line => line.StartsWith("disconnect from", StringComparison.Ordinal)), s_limit,
                    "the session is over", cancellationToken);
            }

            Assert.That(shield.Log.Errors, Is.Empty);
            Assert.That(shield.Log.Lines, Has.Some.StartsWith(greets ? "lost connection after CONNECT" : "connect to upstream"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public async Task Stop_DuringTheHandshake_IsNoError(CancellationToken cancellationToken)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, s_certificate.Chain, cancellationToken);
            await using var mta = new ScriptedMta();
            var options = ShieldUnderTest.Before(mta) with { Tls = new() { ChainFiles = [file], WrapperMode = true } };
            options = options with { Listener = options.Listener with { DrainTimeout = TimeSpan.Zero } };
            await using var shield = await ShieldUnderTest.StartAsync(options, cancellationToken);
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(shield.EndPoint, cancellationToken);
            await Eventually.HoldsAsync(() => shield.Log.Lines.Any(static line => line.StartsWith("connect from", StringComparison.Ordinal)), s_limit,
                "the session has begun", cancellationToken);
            await shield.StopAsync(cancellationToken);

            Assert.That(shield.Log.Lines, Has.Some.StartsWith("disconnect from"));
            Assert.That(shield.Log.Errors, Is.Empty);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
