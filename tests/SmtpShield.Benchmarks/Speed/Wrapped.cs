using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>TLS from the first octet, with an RSA certificate, ended by the shield and by HAProxy before the same sink.</summary>
internal static class Wrapped
{
    /// <summary>Starts them.</summary>
    public static async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var sink = await arena.StartSinkAsync(cancellationToken);
        var directory = arena.Keep(new TemporaryDirectory("smtpshield-speed-"));
        var chain = Path.Combine(directory.Path, "chain.pem");
        await File.WriteAllTextAsync(chain, TestCertificate.MakeRsa(PostfixInstance.HostName).Chain, cancellationToken);
        await arena.AddHAProxyAsync(sink, cancellationToken, bind: $"ssl crt {chain}");
        await arena.AddShieldAsync(sink, cancellationToken, new Dictionary<string, string>
        {
            ["smtpd_tls_chain_files"] = chain, ["smtpd_tls_wrappermode"] = "yes",
        });
        return arena;
    }

    /// <summary>Connects, and shakes hands.</summary>
    public static async Task<SslStream> ConnectAsync(IPEndPoint server, bool isResumed, CancellationToken cancellationToken)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(server, cancellationToken);
#pragma warning disable CA5359 // A certificate of a benchmark is nobody's.
        var tls = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, static (_, _, _, _) => true);
#pragma warning restore CA5359
        try
        {
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = PostfixInstance.HostName,
                    AllowTlsResume = isResumed,
                    CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                },
                cancellationToken);
            return tls;
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }
}
