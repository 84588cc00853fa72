using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace SmtpShield.Testing.Tls;

/// <summary>A key and a certificate made for one test.</summary>
/// <param name="KeyPem">The key.</param>
/// <param name="CertificatePem">The certificate, self-signed or an authority's.</param>
public sealed record TestCertificate(string KeyPem, string CertificatePem)
{
    private static readonly DateTimeOffset s_begin = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset s_end = new(2090, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>As a file of <c>smtpd_tls_chain_files</c>.</summary>
    public string Chain => KeyPem + "\n" + CertificatePem + "\n";

    /// <summary>The certificate.</summary>
    public X509Certificate2 Certificate => X509Certificate2.CreateFromPem(CertificatePem);

    /// <summary>Makes one with an ECDSA key, which is quick.</summary>
    public static TestCertificate Make(string name, DateTimeOffset? begin = null, DateTimeOffset? end = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Make(new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256), name, key.ExportPkcs8PrivateKeyPem(), begin, end);
    }

    /// <summary>Makes one with an RSA key.</summary>
    public static TestCertificate MakeRsa(string name, int bits = 2048)
    {
        using var key = RSA.Create(bits);
        return Make(new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1), name,
            key.ExportPkcs8PrivateKeyPem(), null, null);
    }

    /// <summary>Makes one whose certificate this one has signed.</summary>
    public TestCertificate Issue(string name)
    {
        using var authority = X509Certificate2.CreateFromPem(CertificatePem, KeyPem);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(NameOf(name));
        using var certificate = request.Create(authority, s_begin.AddYears(1), s_end.AddYears(-1), RandomNumberGenerator.GetBytes(8));
        return new(key.ExportPkcs8PrivateKeyPem(), certificate.ExportCertificatePem());
    }

    private static TestCertificate Make(CertificateRequest request, string name, string keyPem, DateTimeOffset? begin, DateTimeOffset? end)
    {
        request.CertificateExtensions.Add(NameOf(name));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(begin ?? s_begin, end ?? s_end);
        return new(keyPem, certificate.ExportCertificatePem());
    }

    private static X509Extension NameOf(string name)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        return names.Build();
    }
}
