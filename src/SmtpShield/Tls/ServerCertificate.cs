using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace SmtpShield.Tls;

/// <summary>
/// A key with its certificate chain, ready for handshakes. Each has sessions of its own: one that began with it can be resumed with no other.
/// </summary>
/// <param name="File">Where the certificate was read from.</param>
/// <param name="Fingerprint">Of the key and the whole chain: tells whether a file has changed in what matters.</param>
/// <param name="Leaf">The certificate, with its key.</param>
/// <param name="Context">The chain, and OpenSSL's context with the keys of session tickets.</param>
internal sealed record ServerCertificate(string File, string Fingerprint, X509Certificate2 Leaf, SslStreamCertificateContext Context)
{
    /// <summary>Keeps what its sessions are resumed with.</summary>
    public TicketKeys Keys { get; } = new();
}
