using Microsoft.Extensions.Primitives;
using SmtpShield.Configuration;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;

namespace SmtpShield.Upstream;

/// <summary>Tells YARP about <see cref="UpstreamOptions.Destinations"/>: one cluster, one <c>smtp://</c> destination each, no routes.</summary>
/// <param name="snapshot">The options; YARP asks again whenever they are replaced, and keeps the health of destinations that stay.</param>
internal sealed class UpstreamClusterConfig(ShieldSnapshot snapshot) : IProxyConfigProvider
{
    /// <summary>The id of the only cluster.</summary>
    public const string ClusterId = "upstream";

    /// <summary>The name of the load balancing policy in force.</summary>
    public static string PolicyName => LoadBalancingPolicies.RoundRobin;

    /// <inheritdoc/>
    public IProxyConfig GetConfig()
    {
        // The token first: options replaced between the two lines are read here and announced once more, never missed.
        var changed = snapshot.GetChangeToken();
        return new Config(changed, ClusterOf(snapshot.Current.Upstream));
    }

    private static ClusterConfig ClusterOf(UpstreamOptions options)
    {
        // A destination written twice is one destination.
        var destinations = new Dictionary<string, DestinationConfig>(StringComparer.OrdinalIgnoreCase);
        foreach (var address in options.Destinations)
            destinations.TryAdd(address.ToString(), new DestinationConfig { Address = $"smtp://{address}" });

        return new ClusterConfig
        {
            ClusterId = ClusterId,
            LoadBalancingPolicy = PolicyName,
            Destinations = destinations,
            HealthCheck = new HealthCheckConfig
            {
                // The last destination is tried whatever is known about it.
                AvailableDestinationsPolicy = HealthCheckConstants.AvailableDestinations.HealthyOrPanic,
                // Enabled makes YARP heed the passive health; the pool sets it, not one of YARP's HTTP policies.
                Passive = new PassiveHealthCheckConfig { Enabled = true },
            },
        };
    }

    private sealed class Config(IChangeToken changed, ClusterConfig cluster) : IProxyConfig
    {
        public IReadOnlyList<RouteConfig> Routes => [];

        public IReadOnlyList<ClusterConfig> Clusters { get; } = [cluster];

        public IChangeToken ChangeToken => changed;
    }
}
