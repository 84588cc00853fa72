using System.Globalization;
using Microsoft.Extensions.Primitives;
using SmtpShield.Mta.Probing;
using SmtpShield.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta;

/// <summary>
/// Tells YARP about <see cref="UpstreamOptions.Destinations"/>: a cluster for each service, with its name, one <c>smtp://</c> destination each, no routes.
/// </summary>
/// <param name="snapshot">The options; YARP asks again whenever they are replaced, and keeps the health of destinations that stay.</param>
/// <param name="probes">Whether MTAs are probed; null: they are not.</param>
internal sealed class UpstreamClusterConfig(ShieldSnapshot snapshot, ProbePolicy? probes = null) : IProxyConfigProvider
{
    private static readonly TimeSpan s_round = TimeSpan.FromSeconds(1);

    private const string Order = "order";
    private const string Weight = "weight";

    /// <summary>A destination's place in the list.</summary>
    public static int OrderOf(DestinationState destination) => MetadataOf(destination, Order);

    /// <summary>How often it is written.</summary>
    public static int WeightOf(DestinationState destination) => MetadataOf(destination, Weight);

    /// <inheritdoc/>
    public IProxyConfig GetConfig()
    {
        // The token first: options replaced between the two lines are read here and announced once more, never missed.
        var changed = snapshot.GetChangeToken();
        var options = snapshot.Current;
        return new Config(changed, [.. snapshot.Served.Select(service => ClusterOf(service, options.Of(service).Upstream))]);
    }

    private ClusterConfig ClusterOf(string service, UpstreamOptions options)
    {
        // A destination written twice is one destination.
        var destinations = new Dictionary<string, DestinationConfig>(StringComparer.OrdinalIgnoreCase);
        foreach (var same in options.Destinations.Select(static address => address.ToString()).GroupBy(static name => name, StringComparer.OrdinalIgnoreCase))
            destinations.Add(same.Key, new() { Address = $"smtp://{same.Key}", Metadata = MetadataOf(destinations.Count, same.Count()) });

        return new ClusterConfig
        {
            ClusterId = service,
            Destinations = destinations,
            HealthCheck = new HealthCheckConfig
            {
                // The last destination is tried whatever is known about it.
                AvailableDestinationsPolicy = HealthCheckConstants.AvailableDestinations.HealthyOrPanic,
                // Enabled makes YARP heed the passive health; the pool sets it, not one of YARP's HTTP policies.
                Passive = new PassiveHealthCheckConfig { Enabled = true },
                // A round asks for news only, and never waits (ProbeHandler).
                Active = probes is null ? null : new ActiveHealthCheckConfig { Enabled = true, Interval = s_round, Policy = ProbePolicy.PolicyName },
            },
        };
    }

    private static Dictionary<string, string> MetadataOf(int order, int weight) => new()
    {
        [Order] = order.ToString(CultureInfo.InvariantCulture), [Weight] = weight.ToString(CultureInfo.InvariantCulture),
    };

    private static int MetadataOf(DestinationState destination, string key) =>
        int.Parse(destination.Model.Config.Metadata![key], CultureInfo.InvariantCulture);

    private sealed class Config(IChangeToken changed, ClusterConfig[] clusters) : IProxyConfig
    {
        public IReadOnlyList<RouteConfig> Routes => [];

        public IReadOnlyList<ClusterConfig> Clusters => clusters;

        public IChangeToken ChangeToken => changed;
    }
}
