using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace SmtpShield.Host.Firewall;

/// <summary>
/// What nft(8) is told: only prefixes that were read and are printed anew, and numbers, so nothing of an answer can become a command. The table is the
/// helper's own; the transparent set-up has another one, <c>inet smtpshield</c>, which it replaces whole.
/// </summary>
internal static class NftScript
{
    /// <summary>The table.</summary>
    public const string Table = "inet smtpshield_bans";

    // Above the most bans there may be at a time (shield_ban_table_size), for a full set refuses a whole batch.
    private const int SetSize = 1_179_648;

    /// <summary>Takes away what an earlier helper has left, where its table had no owner.</summary>
    public static string Remove() => $"add table {Table}; delete table {Table}\n";

    /// <summary>Makes the table. It goes with the nft that makes it, and nobody else may change it, as a flush of all rules does (Linux 5.12).</summary>
    public static string Own() => $"add table {Table} {{ flags owner; }}\n";

    /// <summary>Makes the table without that.</summary>
    public static string Share() => $"add table {Table}\n";

    /// <summary>Does nothing, and nft complains where the table is not there.</summary>
    public static string Look() => $"add chain {Table} refuse\n";

    /// <summary>Makes the sets, empty, and the rules.</summary>
    public static string Begin() => string.Create(CultureInfo.InvariantCulture, $$"""
        add set {{Table}} ports { type inet_service; }
        add set {{Table}} allow4 { type ipv4_addr; flags interval; auto-merge; }
        add set {{Table}} allow6 { type ipv6_addr; flags interval; auto-merge; }
        add set {{Table}} ban4 { type ipv4_addr; flags timeout; size {{SetSize}}; }
        add set {{Table}} ban6 { type ipv6_addr; flags timeout; size {{SetSize}}; }
        add set {{Table}} net4 { type ipv4_addr; flags interval, timeout; }
        add set {{Table}} net6 { type ipv6_addr; flags interval, timeout; }
        add chain {{Table}} refuse
        add rule {{Table}} refuse ip saddr @allow4 return
        add rule {{Table}} refuse ip6 saddr @allow6 return
        add rule {{Table}} refuse ip saddr @ban4 counter drop
        add rule {{Table}} refuse ip6 saddr & ffff:ffff:ffff:ffff:: @ban6 counter drop
        add rule {{Table}} refuse ip saddr @net4 counter drop
        add rule {{Table}} refuse ip6 saddr @net6 counter drop
        add chain {{Table}} begin { type filter hook prerouting priority raw; policy accept; }
        add rule {{Table}} begin fib daddr type local tcp dport @ports tcp flags & (syn | ack) == syn jump refuse

        """);

    /// <summary>Drops these from now on, for their time. Also renews those that are there: older kernels keep the old time on a second <c>add</c>.</summary>
    public static void AppendBans(StringBuilder script, IReadOnlyList<NftBan> bans)
    {
        foreach (var set in bans.GroupBy(static ban => SetOf(ban.Prefix)))
        {
            var timed = string.Join(", ", set.Select(static ban => string.Create(CultureInfo.InvariantCulture, $"{Text(ban.Prefix)} timeout {ban.Seconds}s")));
            var bare = string.Join(", ", set.Select(static ban => Text(ban.Prefix)));
            script.Append(CultureInfo.InvariantCulture, $"add element {Table} {set.Key} {{ {timed} }}; ")
                .Append(CultureInfo.InvariantCulture, $"delete element {Table} {set.Key} {{ {bare} }}; ")
                .Append(CultureInfo.InvariantCulture, $"add element {Table} {set.Key} {{ {timed} }}\n");
        }
    }

    /// <summary>Drops these no more, whether they are there or not.</summary>
    public static void AppendLifted(StringBuilder script, IReadOnlyList<IPNetwork> prefixes)
    {
        foreach (var set in prefixes.GroupBy(SetOf))
        {
            var bare = string.Join(", ", set.Select(Text));
            var timed = string.Join(", ", set.Select(static prefix => $"{Text(prefix)} timeout 1s"));
            script.Append(CultureInfo.InvariantCulture, $"add element {Table} {set.Key} {{ {timed} }}; ")
                .Append(CultureInfo.InvariantCulture, $"delete element {Table} {set.Key} {{ {bare} }}\n");
        }
    }

    /// <summary>These pass, also inside a banned network, and no others.</summary>
    public static void AppendSpared(StringBuilder script, IReadOnlyList<IPNetwork> prefixes)
    {
        AppendWhole(script, "allow4", prefixes.Where(static prefix => IsIPv4(prefix)).Select(Text));
        AppendWhole(script, "allow6", prefixes.Where(static prefix => !IsIPv4(prefix)).Select(Text));
    }

    /// <summary>New connections to these ports are looked at, and to no others.</summary>
    public static void AppendPorts(StringBuilder script, IReadOnlyList<int> ports) =>
        AppendWhole(script, "ports", ports.Select(static port => port.ToString(CultureInfo.InvariantCulture)));

    // A line is one change: nobody is without exemptions in between.
    private static void AppendWhole(StringBuilder script, string set, IEnumerable<string> elements)
    {
        var all = string.Join(", ", elements);
        script.Append(CultureInfo.InvariantCulture, $"flush set {Table} {set}");
        if (all.Length > 0)
            script.Append(CultureInfo.InvariantCulture, $"; add element {Table} {set} {{ {all} }}");
        script.Append('\n');
    }

    /// <summary>Whether it is in a set of intervals, which may not overlap.</summary>
    public static bool IsNet(IPNetwork prefix) => SetOf(prefix) is "net4" or "net6";

    /// <summary>The length of a prefix that stands as an address in a set of bans; null: it is another set.</summary>
    public static int? LengthOf(string? set) => set switch
    {
        "ban4" or "net4" => 32,
        "ban6" => 64,
        "net6" => 128,
        _ => null,
    };

    private static string SetOf(IPNetwork prefix) => (IsIPv4(prefix), prefix.PrefixLength) switch
    {
        (true, 32) => "ban4",
        (true, _) => "net4",
        (false, 64) => "ban6",
        _ => "net6",
    };

    // ban6 has the first address of a /64.
    private static string Text(IPNetwork prefix) => SetOf(prefix) is "ban4" or "ban6" ? $"{prefix.BaseAddress}" : $"{prefix}";

    private static bool IsIPv4(IPNetwork prefix) => prefix.BaseAddress.AddressFamily == AddressFamily.InterNetwork;
}
