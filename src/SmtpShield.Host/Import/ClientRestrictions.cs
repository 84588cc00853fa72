using System.Text.RegularExpressions;
using SmtpShield.Configuration.Patterns;

namespace SmtpShield.Host.Import;

/// <summary>Postfix's access restrictions. They stay in Postfix; those that judge the client judge the shield there.</summary>
internal static partial class ClientRestrictions
{
    private static readonly HashSet<string> LookAtClient = new(StringComparer.OrdinalIgnoreCase)
    {
        "permit_mynetworks", "permit_inet_interfaces", "permit_dnswl_client", "permit_rhswl_client",
        "reject_rbl_client", "reject_maps_rbl", "reject_rhsbl_client", "reject_rhsbl_reverse_client",
        "reject_unknown_client", "reject_unknown_client_hostname", "reject_unknown_reverse_client_hostname",
        "check_client_access", "check_client_a_access", "check_client_mx_access", "check_client_ns_access",
        "check_reverse_client_hostname_access", "check_reverse_client_hostname_a_access", "check_reverse_client_hostname_mx_access", "check_reverse_client_hostname_ns_access",
        "check_policy_service",
    };

    private static readonly HashSet<string> Refusals = new(["reject_unauth_destination", "defer_unauth_destination", "reject", "defer"], StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether the parameter is a list of restrictions.</summary>
    public static bool IsList(string name) => name.StartsWith("smtpd_", StringComparison.Ordinal) && name.EndsWith("_restrictions", StringComparison.Ordinal);

    /// <summary>The restrictions of a list that judge the client, each once.</summary>
    public static IReadOnlyList<string> Affected(string list) => [.. ListTokenizer.Split(list).Where(LookAtClient.Contains).Distinct(StringComparer.OrdinalIgnoreCase)];

    /// <summary>A list that trusts nobody for an address, and relays for nobody who has no right to.</summary>
    public static string WithoutTrust(string list)
    {
        var rest = Trust().Replace(list, "").Trim(' ', ',');
        if (ListTokenizer.Split(rest).Exists(word => Refusals.Contains(word)))
            return rest;
        return rest.Length == 0 ? "reject_unauth_destination" : $"{rest}, reject_unauth_destination";
    }

    /// <summary>A list that trusts nobody for being on this host.</summary>
    public static string WithoutInterfaces(string list) => Interfaces().Replace(list, "").Trim(' ', ',');

    [GeneratedRegex(@"(?<![^\s,])(?:permit_mynetworks|permit_inet_interfaces)(?![^\s,])[\s,]*", RegexOptions.IgnoreCase)]
    private static partial Regex Trust();

    [GeneratedRegex(@"(?<![^\s,])permit_inet_interfaces(?![^\s,])[\s,]*", RegexOptions.IgnoreCase)]
    private static partial Regex Interfaces();
}
