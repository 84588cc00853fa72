using System.Net;

namespace SmtpShield.Clients;

/// <summary>How this host looks up names: what the C library takes from resolv.conf(5), nsswitch.conf(5) and hosts(5).</summary>
/// <param name="Servers">Name servers, in the order they are asked in; at most three. None if nsswitch.conf has neither <c>dns</c> nor <c>resolve</c>.</param>
/// <param name="Hosts">The hosts file; empty if nsswitch.conf has no <c>files</c>.</param>
internal sealed record ResolverConfiguration(IReadOnlyList<IPAddress> Servers, HostsFile Hosts)
{
    private const int MostServers = 3;

    /// <summary>Reads the three files.</summary>
    /// <param name="resolvConf">Lines of resolv.conf; without a name server it is this host (resolv.conf(5)).</param>
    /// <param name="nsswitch">Lines of nsswitch.conf; without a line for hosts it is <c>files dns</c>.</param>
    /// <param name="hosts">Lines of the hosts file.</param>
    public static ResolverConfiguration Read(IEnumerable<string> resolvConf, IEnumerable<string> nsswitch, IEnumerable<string> hosts)
    {
        List<IPAddress> servers =
        [
            .. resolvConf.Select(WordsOf).Where(static words => words is ["nameserver", _, ..])
                .Select(static words => IPAddress.TryParse(words[1], out var server) ? server : null).OfType<IPAddress>().Take(MostServers),
        ];
        if (servers.Count == 0)
            servers.Add(IPAddress.Loopback);
        var sources = nsswitch.Select(static line => line.Split('#')[0].Split(':', 2)).FirstOrDefault(static parts => parts is ["hosts", _])?[1]
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var hasDns = sources is null || sources.Contains("dns") || sources.Contains("resolve");
        return new(hasDns ? servers : [], new(sources is null || sources.Contains("files") ? hosts : []));
    }

    private static string[] WordsOf(string line) => line.Split('#', ';')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
}
