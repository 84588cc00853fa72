using System.Security.Authentication;

namespace SmtpShield.Configuration;

/// <summary>The TLS versions a service speaks: the value of <c>smtpd_tls_protocols</c> and <c>smtpd_tls_mandatory_protocols</c>, of which TLS 1.2 and 1.3 can be had.</summary>
/// <param name="Protocols">The versions.</param>
public sealed record TlsVersions(SslProtocols Protocols)
{
    /// <summary>TLS 1.2 and 1.3.</summary>
    public static TlsVersions All { get; } = new(SslProtocols.Tls12 | SslProtocols.Tls13);
}
