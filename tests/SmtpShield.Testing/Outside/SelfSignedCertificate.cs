using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace SmtpShield.Testing.Outside;

/// <summary>A certificate of a test's own.</summary>
public static class SelfSignedCertificate
{
    /// <summary>Writes a private key and, behind it, its certificate, readable for the owner only.</summary>
    public static void Write(string path, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(365));
        File.WriteAllText(path, $"{key.ExportPkcs8PrivateKeyPem()}\n{certificate.ExportCertificatePem()}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
