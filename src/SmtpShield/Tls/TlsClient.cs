using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Lists;

namespace SmtpShield.Tls;

/// <summary>Begins TLS with the MTA.</summary>
/// <param name="time">The clock.</param>
internal sealed class TlsClient(TimeProvider time)
{
    private const string HandshakeFailure = "Cannot start TLS: handshake failure";

    private volatile Authorities? _authorities;

    /// <summary>Makes the handshake. The answer to STARTTLS, if there is one, has been read already, and nothing behind it.</summary>
    /// <param name="raw">The connection.</param>
    /// <param name="host">The host in <c>shield_upstream</c>: what is asked for, and verified, unless there is a <c>shield_upstream_tls_name</c>.</param>
    /// <param name="options">With a level of <c>verify</c> the MTA's certificate is checked, with any other it is not looked at.</param>
    /// <param name="cancellationToken">Ends the handshake; the caller's deadline.</param>
    /// <returns>The transport to go on with. The caller disposes it before <paramref name="raw"/>.</returns>
    /// <exception cref="TlsException">The handshake failed, or the certificate is not the MTA's. The connection can't be used any more.</exception>
    /// <exception cref="OperationCanceledException">By the token. The connection can't be used any more.</exception>
    public async ValueTask<TlsTransport> ConnectAsync(IDuplexPipe raw, string host, UpstreamTlsOptions options, CancellationToken cancellationToken)
    {
        await PoolThread.EnterAsync();
        var flight = new ServerFlight();
        var stream = new DuplexPipeStream(raw) { Flight = flight };
        var tls = new SslStream(stream, leaveInnerStreamOpen: true);
        var name = options.Name.Length > 0 ? options.Name : host;
        var isRefused = false;
        try
        {
            var settings = new SslClientAuthenticationOptions
            {
                TargetHost = name,
                EnabledSslProtocols = TlsVersions.All.Protocols,
                AllowRenegotiation = false,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                CertificateChainPolicy = options.SecurityLevel == UpstreamTlsSecurityLevel.Verify ? PolicyOf(options.CAFile) : null,
                RemoteCertificateValidationCallback = (_, _, _, errors) =>
                    !(isRefused = options.SecurityLevel == UpstreamTlsSecurityLevel.Verify && errors != SslPolicyErrors.None),
            };
            await tls.AuthenticateAsClientAsync(settings, cancellationToken).ConfigureAwait(false);
            stream.Flight = null;
            return new(tls, stream, TlsFactsReader.Read(tls, flight), time);
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException or InvalidOperationException or NotSupportedException)
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw exception as TlsException ?? new TlsException(isRefused ? "Server certificate not verified" : HandshakeFailure, exception);
        }
        catch (OperationCanceledException)
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private X509ChainPolicy PolicyOf(string file)
    {
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck };
        policy.ApplicationPolicy.Add(new("1.3.6.1.5.5.7.3.1"));
        if (file.Length == 0)
            return policy;

        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(AuthoritiesOf(file).Certificates);
        return policy;
    }

    // Read again when the file has changed: dialing reads nothing else, and a renewed authority needs no restart.
    private Authorities AuthoritiesOf(string file)
    {
        var written = File.GetLastWriteTimeUtc(file);
        var known = _authorities is { } last && last.File == file ? last : null;
        if (known?.Written == written)
            return known;
        if (CertificateAuthorities.TryRead(file, out var certificates, out var error))
            return _authorities = new(file, written, certificates);
        // Half written, or away for a moment: those from before will do.
        return known ?? throw new TlsException($"Cannot load certificate authorities from {file}", new IOException(error));
    }

    private sealed record Authorities(string File, DateTime Written, X509Certificate2Collection Certificates);
}
