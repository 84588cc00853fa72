using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Options;

/// <summary>Reads <c>shield_upstream_tls_CAfile</c>: the authorities that may have signed the MTA's certificate.</summary>
internal static class CertificateAuthorities
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="certificates">At least one certificate.</param>
    /// <param name="error">Why there is none.</param>
    public static bool TryRead(string path, out X509Certificate2Collection certificates, out string error)
    {
        if (ConfigurationText.TryRead(path, out var text, out error))
            return TryParse(text, out certificates, out error);
        certificates = [];
        return false;
    }

    /// <summary>Reads the text of a file.</summary>
    /// <param name="text">PEM, with anything between its objects.</param>
    /// <param name="certificates">At least one certificate.</param>
    /// <param name="error">Why there is none.</param>
    public static bool TryParse(string text, out X509Certificate2Collection certificates, out string error)
    {
        certificates = [];
        error = "";
        try
        {
            certificates.ImportFromPem(text);
            if (certificates.Count == 0)
                error = "has no certificate";
        }
        catch (CryptographicException exception)
        {
            error = $"has a certificate that can't be read: {exception.Message}";
        }

        return error.Length == 0;
    }
}
