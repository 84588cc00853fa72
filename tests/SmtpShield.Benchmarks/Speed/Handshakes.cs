using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>TLS from the first octet, ended by the contender: a full handshake with an RSA certificate, the greeting, and the end.</summary>
internal sealed class Handshakes() : Workload("handshakes", "new TLS sessions (wrapped, RSA 2048) up to the greeting", "handshakes")
{
    private const int Count = 400;
    private const int AtATime = 8;

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
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

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, AtATime).Select(_ => Task.Run(() => ShakeAsync(contender, cancellationToken), cancellationToken)));
        return new(Count, TimeProvider.System.GetElapsedTime(start));
    }

    private static async Task ShakeAsync(Contender contender, CancellationToken cancellationToken)
    {
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = PostfixInstance.HostName,
            AllowTlsResume = false,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        var buffer = new byte[512];
        for (var i = 0; i < Count / AtATime; i++)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(contender.EndPoint, cancellationToken);
#pragma warning disable CA5359 // A certificate of a benchmark is nobody's.
            await using var tls = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, static (_, _, _, _) => true);
#pragma warning restore CA5359
            await tls.AuthenticateAsClientAsync(options, cancellationToken);
            await tls.ReadAtLeastAsync(buffer, 1, cancellationToken: cancellationToken);
            await tls.WriteAsync("QUIT\r\n"u8.ToArray(), cancellationToken);
            await tls.ReadAtLeastAsync(buffer, 1, cancellationToken: cancellationToken);
        }
    }
}
