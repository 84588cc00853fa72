namespace SmtpShield.Host.Commands;

/// <summary>As whom a client is counted: a network always, of one address, too, as the parameters that say so are lengths of prefixes.</summary>
internal static class CountedAs
{
    /// <summary>The network.</summary>
    /// <param name="client">An address, or a network.</param>
    public static string Text(string client) => client.Contains('/') ? client : IsIPv6(client) ? $"{client}/128" : $"{client}/32";

    /// <summary>Which parameter says how long its prefix is.</summary>
    /// <param name="client">An address, or a network.</param>
    public static string Parameter(string client) => IsIPv6(client) ? "smtpd_client_ipv6_prefix_length" : "smtpd_client_ipv4_prefix_length";

    private static bool IsIPv6(string client) => client.Contains(':');
}
