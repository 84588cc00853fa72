using System.Security.Authentication;

namespace SmtpShield.Tls;

/// <summary>
/// Keeps the sessions of a service from being resumed at another one that has the same certificate. .NET shares OpenSSL's context, and with it the keys of
/// session tickets, between all that have the same certificates and versions; so each scope has a number, in bits of the versions that stand for no version and
/// that OpenSSL is never told of.
/// </summary>
internal sealed class SessionScope
{
    // Versions take the lower 16 bits, of which the highest are those of TLS 1.3.
    private const int FirstBit = 16;
    private const int MostNumbers = 1 << 14;

    private static int _last;

    private readonly SslProtocols _number = (SslProtocols)((Interlocked.Increment(ref _last) % MostNumbers) << FirstBit);

    /// <summary>The versions, in this scope.</summary>
    public SslProtocols Of(SslProtocols versions) => versions | _number;
}
