using System.Net.Security;

namespace SmtpShield.Tls;

/// <summary>A cipher under the name OpenSSL gives it, which is the one Postfix logs; .NET knows the IANA's.</summary>
internal readonly record struct CipherName
{
    private const string Prefix = "TLS_";
    private const string KeyExchangeEnd = "_WITH_";

    // 3DES uses 168 bits of key, which are worth 112 (OpenSSL's strength_bits).
    private const int TripleDesBits = 168;

    private CipherName(string name, int usedBits, int totalBits)
    {
        Name = name;
        UsedBits = usedBits;
        TotalBits = totalBits;
    }

    /// <summary>OpenSSL's name.</summary>
    public string Name { get; }

    /// <summary>The strength in bits.</summary>
    public int UsedBits { get; }

    /// <summary>The key's length in bits.</summary>
    public int TotalBits { get; }

    /// <summary>The name of a cipher.</summary>
    public static CipherName Of(TlsCipherSuite suite)
    {
        var name = $"{suite}";
        var bits = BitsOf(name);
        return new(Convert(name), bits == TripleDesBits ? 112 : bits, bits);
    }

    // TLS 1.3 names are the same. Those of TLS 1.2 leave out TLS, WITH, CBC, plain RSA key exchange, and the hash behind CHACHA20-POLY1305.
    private static string Convert(string name)
    {
        var end = name.IndexOf(KeyExchangeEnd, StringComparison.Ordinal);
        if (end < 0 || !name.StartsWith(Prefix, StringComparison.Ordinal))
            return name;

        var keyExchange = name[Prefix.Length..end].Replace('_', '-');
        var cipher = name[(end + KeyExchangeEnd.Length)..]
            .Replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305", StringComparison.Ordinal)
            .Replace("3DES_EDE_CBC", "DES_CBC3", StringComparison.Ordinal)
            .Replace("_CBC_", "_", StringComparison.Ordinal)
            .Replace("CCM_8", "CCM8", StringComparison.Ordinal);
        foreach (var algorithm in (ReadOnlySpan<string>)["AES", "CAMELLIA", "ARIA"])
            cipher = cipher.Replace(algorithm + "_", algorithm, StringComparison.Ordinal);

        // OpenSSL calls ECDHE_RSA with ARIA just ECDHE.
        if (keyExchange == "ECDHE-RSA" && cipher.StartsWith("ARIA", StringComparison.Ordinal))
            keyExchange = "ECDHE";
        cipher = cipher.Replace('_', '-');
        return keyExchange == "RSA" ? cipher : $"{keyExchange}-{cipher}";
    }

    private static int BitsOf(string name) =>
        name.Contains("_NULL_", StringComparison.Ordinal) ? 0
        : name.Contains("3DES", StringComparison.Ordinal) ? TripleDesBits
        : name.Contains("_256_", StringComparison.Ordinal) || name.Contains("CHACHA20", StringComparison.Ordinal) ? 256
        : 128;
}
