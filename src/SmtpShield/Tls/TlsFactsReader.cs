using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace SmtpShield.Tls;

/// <summary>Puts together what a finished handshake agreed on: from .NET, from the server's flight, and from its certificate.</summary>
internal static class TlsFactsReader
{
    /// <summary>Reads the facts.</summary>
    /// <param name="tls">A stream whose handshake is over.</param>
    /// <param name="flight">What the server sent.</param>
    /// <param name="certificate">The server's certificate; null to leave out its kind.</param>
    /// <param name="serverName">See <see cref="TlsFacts.ServerName"/>.</param>
    public static TlsFacts Read(SslStream tls, ServerFlight flight, X509Certificate2? certificate = null, string? serverName = null)
    {
        var cipher = CipherName.Of(tls.NegotiatedCipherSuite);
        var isTls13 = tls.SslProtocol == SslProtocols.Tls13;
        return new()
        {
            Protocol = TlsFacts.NameOf(tls.SslProtocol),
            Cipher = cipher.Name,
            UsedBits = cipher.UsedBits,
            TotalBits = cipher.TotalBits,
            KeyExchange = isTls13 ? flight.GroupName : null,
            ServerSignature = isTls13 && certificate is not null ? SignatureOf(certificate) : null,
            ServerName = serverName,
            IsResumed = flight.IsResumed,
        };
    }

    private static string? SignatureOf(X509Certificate2 certificate)
    {
        using var rsa = certificate.GetRSAPublicKey();
        if (rsa is not null)
            return string.Create(CultureInfo.InvariantCulture, $"RSA-PSS ({rsa.KeySize} bits)");

        using var ec = certificate.GetECDsaPublicKey();
        return ec?.KeySize switch
        {
            256 => "ECDSA (prime256v1)",
            384 => "ECDSA (secp384r1)",
            521 => "ECDSA (secp521r1)",
            _ => null,
        };
    }
}
