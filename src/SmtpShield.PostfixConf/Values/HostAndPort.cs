using System.Globalization;

namespace SmtpShield.PostfixConf.Values;

/// <summary>Splits <c>host:port</c>, <c>address:port</c> and <c>[address]:port</c>.</summary>
internal static class HostAndPort
{
    /// <summary>Splits an endpoint; an IPv6 address must be in brackets, which are removed.</summary>
    public static bool TryParse(string text, out string host, out int port)
    {
        host = "";
        var colon = text.LastIndexOf(':');
        if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port > 65535 || colon <= 0)
        {
            port = 0;
            return false;
        }
        host = text[..colon];
        if (host is ['[', .., ']'])
        {
            host = host[1..^1];
            return host.Contains(':', StringComparison.Ordinal) && AddressBits.TryParse(host, out _);
        }
        return AddressBits.TryParse(host, out _) ? !host.Contains(':', StringComparison.Ordinal) : HostName.IsValid(host);
    }
}
