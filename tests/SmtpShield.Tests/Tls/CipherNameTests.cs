using System.Net.Security;
using SmtpShield.Tls;

namespace SmtpShield.Tests.Tls;

/// <summary>Names and bits are those of <c>openssl ciphers -stdname -v ALL</c>.</summary>
public class CipherNameTests
{
    [TestCase(TlsCipherSuite.TLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", 256)]
    [TestCase(TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", 256)]
    [TestCase(TlsCipherSuite.TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", 128)]
    [TestCase(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384", 256)]
    [TestCase(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", 256)]
    [TestCase(TlsCipherSuite.TLS_DHE_RSA_WITH_AES_256_GCM_SHA384, "DHE-RSA-AES256-GCM-SHA384", 256)]
    [TestCase(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305", 256)]
    [TestCase(TlsCipherSuite.TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "DHE-RSA-CHACHA20-POLY1305", 256)]
    [TestCase(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8, "ECDHE-ECDSA-AES256-CCM8", 256)]
    [TestCase(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM, "ECDHE-ECDSA-AES128-CCM", 128)]
    [TestCase(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384, "ECDHE-ECDSA-ARIA256-GCM-SHA384", 256)]
    [TestCase(TlsCipherSuite.TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256, "ECDHE-ARIA128-GCM-SHA256", 128)]
    [TestCase(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "ECDHE-RSA-AES128-SHA256", 128)]
    [TestCase(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "ECDHE-RSA-AES256-SHA", 256)]
    [TestCase(TlsCipherSuite.TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384, "ECDHE-RSA-CAMELLIA256-SHA384", 256)]
    [TestCase(TlsCipherSuite.TLS_RSA_WITH_AES_256_GCM_SHA384, "AES256-GCM-SHA384", 256)]
    [TestCase(TlsCipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA, "AES128-SHA", 128)]
    [TestCase(TlsCipherSuite.TLS_RSA_WITH_CAMELLIA_128_CBC_SHA, "CAMELLIA128-SHA", 128)]
    public void Of_ASuite_IsOpenSslsName(TlsCipherSuite suite, string name, int bits)
    {
        var cipher = CipherName.Of(suite);

        Assert.That((cipher.Name, cipher.UsedBits, cipher.TotalBits), Is.EqualTo((name, bits, bits)));
    }

    [Test]
    public void Of_TripleDes_IsWorthLessThanItsKey()
    {
        var cipher = CipherName.Of(TlsCipherSuite.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA);

        Assert.That((cipher.Name, cipher.UsedBits, cipher.TotalBits), Is.EqualTo(("ECDHE-RSA-DES-CBC3-SHA", 112, 168)));
    }
}
