using Microsoft.Extensions.Primitives;
using SmtpShield.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;

namespace SmtpShield.Mta;

/// <summary>
/// Tells YARP about <see cref="UpstreamOptions.Destinations"/>: a cluster for each service, with its name, one <c>smtp://</c> destination each, no routes.
/// </summary>
/// <param name="snapshot">The options; YARP asks again whenever they are replaced, and keeps the health of destinations that stay.</param>
internal sealed class UpstreamClusterConfig(ShieldSnapshot snapshot) : IProxyConfigProvider
{
    // As the services themselves: those there are at start stay, whatever a reload says.
    private readonly string[] _services = [.. snapshot.Current.Services.Keys.DefaultIfEmpty(ServiceOptions.DefaultName)];

    /// <summary>The name of the load balancing policy in force.</summary>
    public static string PolicyName => LoadBalancingPolicies.RoundRobin;

    /// <inheritdoc/>
    public IProxyConfig GetConfig()
    {
        // The token first: options replaced between the two lines are read here and announced once more, never missed.
        var changed = snapshot.GetChangeToken();
        var options = snapshot.Current;
        return new Config(changed, [.. _services.Select(service => ClusterOf(service, options.Of(service).Upstream))]);
    }

    private static ClusterConfig ClusterOf(string service, UpstreamOptions options)
    {
        // A destination written twice is one destination.
        var destinations = new Dictionary<string, DestinationConfig>(StringComparer.OrdinalIgnoreCase);
        foreach (var address in options.Destinations)
            destinations.TryAdd(address.ToString(), new DestinationConfig { Address = $"smtp://{address}" });

        return new ClusterConfig
        {
            ClusterId = service,
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

    private sealed class Config(IChangeToken changed, ClusterConfig[] clusters) : IProxyConfig
    {
        public IReadOnlyList<RouteConfig> Routes => [];

        public IReadOnlyList<ClusterConfig> Clusters => clusters;

        public IChangeToken ChangeToken => changed;
    }
}
