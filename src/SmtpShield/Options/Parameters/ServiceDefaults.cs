using System.Globalization;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Options.Parameters;

/// <summary>What the name of a service says: its port, and whether TLS comes first there (RFC 6409, RFC 8314).</summary>
internal static class ServiceDefaults
{
    private static readonly Dictionary<string, int> Ports = new(StringComparer.Ordinal)
    {
        ["submission"] = 587,
        ["smtps"] = 465,
        ["submissions"] = 465,
    };

    /// <summary>The default of a service's parameter where it is not that of all others.</summary>
    public static bool TryGet(string service, string name, out string value)
    {
        var found = name switch
        {
            "shield_listen" when HostAndPort.TryParse(service, out var host, out var own) && own > 0 && AddressBits.TryParse(host, out _) => service,
            "shield_listen" when PortOf(service) is { } port => string.Create(CultureInfo.InvariantCulture, $"0.0.0.0:{port}, [::]:{port}"),
            "smtpd_tls_wrappermode" when service is "smtps" or "submissions" => "yes",
            _ => null,
        };
        value = found ?? "";
        return found is not null;
    }

    // A number is a port, as in master.cf.
    private static int? PortOf(string service) =>
        Ports.TryGetValue(service, out var port) || (int.TryParse(service, NumberStyles.None, CultureInfo.InvariantCulture, out port)
            && port is > 0 and <= 65535) ? port : null;
}
