using System.Security.Authentication;

namespace SmtpShield.PostfixConf.Lists;

/// <summary>
/// The TLS versions a service speaks: the value of <c>smtpd_tls_protocols</c> and <c>smtpd_tls_mandatory_protocols</c>, of which TLS 1.2 and 1.3 can be had.
/// </summary>
/// <param name="Protocols">The versions.</param>
/// <param name="NamesOlder">Whether the value allows TLS 1.0 or 1.1, too, which the shield does not speak.</param>
public sealed record TlsVersions(SslProtocols Protocols, bool NamesOlder = false)
{
    /// <summary>TLS 1.2 and 1.3.</summary>
    public static TlsVersions All { get; } = new(SslProtocols.Tls12 | SslProtocols.Tls13);
}
