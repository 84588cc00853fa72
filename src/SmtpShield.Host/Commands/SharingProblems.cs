using System.Net;
using System.Net.Sockets;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Commands;

/// <summary>What is allowed in a configuration that shares counters, and hardly meant: nothing to share, or a store others can listen to.</summary>
internal static class SharingProblems
{
    // What one customer has, RFC 6177.
    private const int LongestIPv6Prefix = 64;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);
    private static readonly SourceLocation s_location = new("shared counters");

    private static readonly IPNetwork[] s_private =
    [
        IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.168.0.0/16"), IPNetwork.Parse("169.254.0.0/16"),
        IPNetwork.Parse("100.64.0.0/10"), IPNetwork.Parse("fc00::/7"), IPNetwork.Parse("fe80::/10"),
    ];

    /// <summary>What to say; nothing without a store.</summary>
    /// <param name="options">The options of all services.</param>
    /// <param name="lookup">The resolver.</param>
    /// <param name="time">The clock of the wait for it, 5 s for all names together.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<IReadOnlyList<ConfigurationProblem>> ProblemsOfAsync(
        ShieldOptions options, HostNames.Lookup lookup, TimeProvider time, CancellationToken cancellationToken)
    {
        if (SharedStoreList.TryRead(options.Sharing.Store, out var stores) is not null || stores.Count == 0)
            return [];

        var nodes = await Task.WhenAll(stores.SelectMany(store =>
            store.Nodes.Select(node => ProblemOfAsync(node, store.HasTls, lookup, time, cancellationToken))));
        return [.. nodes.OfType<ConfigurationProblem>(), .. LoginProblems(options.Sharing), .. ServiceProblems(options)];
    }

    private static async Task<ConfigurationProblem?> ProblemOfAsync(
        EndPoint node, bool hasTls, HostNames.Lookup lookup, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            var addresses = node switch
            {
                IPEndPoint end => [end.Address],
                DnsEndPoint dns => await lookup(dns.Host, cancellationToken).WaitAsync(s_limit, time, cancellationToken),
                _ => Array.Empty<IPAddress>(),
            };
            if (hasTls || Array.Find(addresses, static address => !IsPrivate(address)) is not { } open)
                return null;
            return ConfigurationProblem.Warning(s_location, "shield_shared_store",
                $"{(node is DnsEndPoint named ? $"{named.Host}, {open}," : $"{open}")} is no private address: without TLS others may read and write what is "
                    + "counted",
                "write rediss://, with TLS in the store, or have it in a network of the shields' own");
        }
        catch (Exception none) when (none is SocketException or TimeoutException)
        {
            return ConfigurationProblem.Warning(s_location, "shield_shared_store",
                $"{((DnsEndPoint)node).Host} has no address: limits count on each shield alone", "write its address, or mend the name");
        }
    }

    private static IEnumerable<ConfigurationProblem> LoginProblems(SharingOptions sharing)
    {
        if (sharing.User.Length > 0 && sharing.PasswordFile.Length == 0)
        {
            yield return ConfigurationProblem.Warning(s_location, "shield_shared_user",
                $"shield_shared_user = {sharing.User} has no password, and without one nobody logs in", "write shield_shared_password_file = FILE");
        }
    }

    private static IEnumerable<ConfigurationProblem> ServiceProblems(ShieldOptions options)
    {
        var wanted = options.Services.Where(static service => service.Value.Sharing.IsShared).ToList();
        foreach (var (name, _) in wanted.Where(static service => !ExchangeFormat.IsName(service.Key)))
        {
            yield return ConfigurationProblem.Warning(new SourceLocation($"service {name}"), "shield_shared",
                $"service {name} counts alone: what the store's keys are made of has ASCII letters, digits, _ . : - [ ] only", "give it another name");
        }

        var shared = wanted.FindAll(static service => ExchangeFormat.IsName(service.Key));
        if (shared.TrueForAll(static service => !IsLimited(service.Value)))
        {
            yield return ConfigurationProblem.Warning(s_location, "shield_shared_store",
                $"no service has {(shared.Count == 0 ? "shield_shared = yes" : "a limit on its clients")}: there is nothing to share",
                shared.Count == 0 ? "set it for a service, or leave shield_shared_store empty" : "set one, such as smtpd_client_connection_rate_limit");
        }

        foreach (var (name, service) in shared.Where(static service => service.Value.Anvil.ClientIPv6PrefixLength > LongestIPv6Prefix))
        {
            yield return ConfigurationProblem.Warning(new SourceLocation($"service {name}"), "smtpd_client_ipv6_prefix_length",
                $"smtpd_client_ipv6_prefix_length = {service.Anvil.ClientIPv6PrefixLength}: a client that has a /64 may fill the store with addresses",
                $"write {LongestIPv6Prefix} or less");
        }
    }

    private static bool IsLimited(ShieldOptions service) =>
        Has(service.Limits) || (service.InShadow is { } shadow && Has(shadow.Limits)) || (service.UnderStress is { } stressed && Has(stressed.Limits));

    private static bool Has(SmtpdLimitOptions limits) => ClientLimits.All.Any(limit => limit.Value(limits) > 0);

    private static bool IsPrivate(IPAddress address)
    {
        var one = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return IPAddress.IsLoopback(one) || s_private.Any(network => network.Contains(one));
    }
}
