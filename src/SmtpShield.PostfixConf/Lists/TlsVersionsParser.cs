using System.Globalization;
using System.Security.Authentication;

namespace SmtpShield.PostfixConf.Lists;

/// <summary>
/// Reads Postfix's protocol lists (<c>tls_proto_mask_lims()</c>): <c>&gt;=TLSv1.2</c>, <c>&lt;=TLSv1.3</c>, <c>!TLSv1</c>, or the names of those wanted.
/// </summary>
internal static class TlsVersionsParser
{
    private static readonly string[] Names = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

    private static readonly int Tls10 = Array.IndexOf(Names, "TLSv1");

    private static readonly int Tls11 = Array.IndexOf(Names, "TLSv1.1");

    private static readonly int Tls12 = Array.IndexOf(Names, "TLSv1.2");

    private static readonly int Tls13 = Array.IndexOf(Names, "TLSv1.3");

    /// <summary>Reads a list. Versions before TLS 1.2 may be named; of them the result tells only whether TLS 1.0 or 1.1 is wanted.</summary>
    /// <param name="text">The list, separated by blanks, commas or colons.</param>
    /// <param name="versions">The versions that are left.</param>
    /// <param name="reason">What is wrong.</param>
    public static bool TryParse(string text, out TlsVersions versions, out string reason)
    {
        versions = TlsVersions.All;
        var lowest = 0;
        var highest = Names.Length - 1;
        var included = new HashSet<int>();
        var excluded = new HashSet<int>();
        foreach (var word in text.Split([' ', '\t', '\r', '\n', ',', ':'], StringSplitOptions.RemoveEmptyEntries))
        {
            var prefix = word.StartsWith(">=", StringComparison.Ordinal) || word.StartsWith("<=", StringComparison.Ordinal)
                ? word[..2]
                : word.StartsWith('!') ? "!" : "";
            if (IndexOf(word[prefix.Length..]) is not (>= 0 and var version))
            {
                reason = $"unknown TLS protocol: {word}";
                return false;
            }

            switch (prefix)
            {
                case ">=":
                    lowest = version;
                    break;
                case "<=":
                    highest = version;
                    break;
                case "!":
                    excluded.Add(version);
                    break;
                default:
                    included.Add(version);
                    break;
            }
        }

        bool IsWanted(int version) =>
            version >= lowest && version <= highest && !excluded.Contains(version) && (included.Count == 0 || included.Contains(version));

        var protocols = (IsWanted(Tls12) ? SslProtocols.Tls12 : SslProtocols.None) | (IsWanted(Tls13) ? SslProtocols.Tls13 : SslProtocols.None);
        reason = protocols == SslProtocols.None ? string.Create(CultureInfo.InvariantCulture, $"no TLS protocol is left: {text}") : "";
        versions = new(protocols, IsWanted(Tls10) || IsWanted(Tls11));
        return reason.Length == 0;
    }

    // Postfix also takes OpenSSL's numbers and, for TLS 1.0, both spellings.
    private static int IndexOf(string name) => name.Equals("TLSv1.0", StringComparison.OrdinalIgnoreCase)
        ? Array.IndexOf(Names, "TLSv1")
        : Array.FindIndex(Names, known => known.Equals(name, StringComparison.OrdinalIgnoreCase));
}
