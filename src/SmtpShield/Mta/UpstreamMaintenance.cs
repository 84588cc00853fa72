using Microsoft.Extensions.Logging;
using SmtpShield.Options;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta;

/// <summary>What operators see of destinations, and do with them: all by their names, for all services that use them.</summary>
/// <param name="pool">Whose destinations they are.</param>
/// <param name="health">What YARP knows of them.</param>
/// <param name="snapshot">The options in force.</param>
/// <param name="log">Where log lines go.</param>
internal sealed partial class UpstreamMaintenance(
    UpstreamPool pool, IDestinationHealthUpdater health, ShieldSnapshot snapshot, ILogger<UpstreamMaintenance> log)
{
    private IEnumerable<string> Services => snapshot.Served;

    /// <summary>How all destinations of all services are doing.</summary>
    public IReadOnlyList<UpstreamStatus> Pictures() =>
    [
        .. from service in Services
           let cluster = pool.ClusterOf(service)
           let options = snapshot.Current.Of(service).Upstream
           from destination in cluster.DestinationsState.AllDestinations
           orderby service, UpstreamClusterConfig.OrderOf(destination)
           select pool.HealthOf(cluster, destination).Picture(UpstreamClusterConfig.WeightOf(destination), options.SessionLimit),
    ];

    /// <summary>
    /// Takes a destination out, for all services: it gets no new session, and each of those it has is given back as soon as nothing of its client's depends on
    /// it. Logins and tunnels stay until their clients go. It stays so across reloads, until <see cref="Ready"/>.
    /// </summary>
    /// <param name="destination">As configured, <c>host:port</c>.</param>
    /// <param name="by">Who wants it, for the log.</param>
    /// <returns>False: there is none of that name.</returns>
    public bool Drain(string destination, string by)
    {
        if (!TryFind(destination, out var places))
            return false;

        var known = pool.DestinationOf(places[0].Destination);
        known.Drain(isDrained: true);
        Log.Drained(log, known.Name, by, known.Slots.Used);
        known.Slots.WakeAll();
        foreach (var (cluster, _) in places)
            pool.Queue.Reconsider(cluster);
        return true;
    }

    /// <summary>Takes a destination back, forgets what was known of its health, and lets it be probed.</summary>
    /// <param name="destination">As configured, <c>host:port</c>.</param>
    /// <param name="by">Who wants it, for the log.</param>
    /// <returns>False: there is none of that name.</returns>
    public bool Ready(string destination, string by)
    {
        if (!TryFind(destination, out var places))
            return false;

        var known = pool.DestinationOf(places[0].Destination);
        known.Drain(isDrained: false);
        Log.Ready(log, known.Name, by);
        foreach (var (cluster, state) in places)
        {
            pool.HealthOf(cluster, state).Forget();
            health.SetActive(cluster, [new(state, DestinationHealth.Unknown)]);
            if (state.Health.Passive == DestinationHealth.Unhealthy)
                health.SetPassive(cluster, state, DestinationHealth.Unknown, TimeSpan.Zero);
            pool.Queue.Reconsider(cluster);
        }

        return true;
    }

    /// <summary>Lets a destination be probed with the next round, for each service.</summary>
    /// <param name="destination">As configured, <c>host:port</c>.</param>
    /// <returns>False: there is none of that name.</returns>
    public bool Probe(string destination)
    {
        if (!TryFind(destination, out var places))
            return false;

        foreach (var (cluster, state) in places)
            pool.HealthOf(cluster, state).ProbeNow();
        return true;
    }

    private bool TryFind(string destination, out List<(ClusterState Cluster, DestinationState Destination)> places)
    {
        places =
        [
            .. from service in Services
               let cluster = pool.ClusterOf(service)
               from state in cluster.DestinationsState.AllDestinations
               where state.DestinationId.Equals(destination, StringComparison.OrdinalIgnoreCase)
               select (cluster, state),
        ];
        return places.Count > 0;
    }

    private static partial class Log
    {
        [LoggerMessage(1604, LogLevel.Information, "upstream {Destination}: drain by {By}, {Sessions} sessions", EventName = "UpstreamDrained")]
        public static partial void Drained(ILogger logger, string destination, string by, int sessions);

        [LoggerMessage(1605, LogLevel.Information, "upstream {Destination}: ready by {By}", EventName = "UpstreamReady")]
        public static partial void Ready(ILogger logger, string destination, string by);
    }
}
