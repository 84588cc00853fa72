using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using SmtpShield.Options;
using SmtpShield.Tls;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta;

/// <summary>
/// The MTAs behind the shield: picks one of a service's, dials it, tells it who the client is, reads its greeting, goes on to the next
/// when that fails, and remembers who failed. Services that share a destination count its sessions together, but each finds out for itself whether it lives.
/// Picking and health are YARP's, time-outs are Polly's; neither is seen outside this folder.
/// </summary>
internal sealed class UpstreamPool
{
    // YARP's policies want an HTTP request. Those used here never look at it, so one serves all dials.
    private static readonly DefaultHttpContext NoRequest = new();

    private readonly ConcurrentDictionary<string, UpstreamDestination> _destinations = new(StringComparer.OrdinalIgnoreCase);
    private readonly Lazy<IProxyStateLookup> _state;
    private readonly ILoadBalancingPolicy _policy;
    private readonly IDestinationHealthUpdater _health;

    public UpstreamPool(
        Lazy<IProxyStateLookup> state,
        IEnumerable<ILoadBalancingPolicy> policies,
        IDestinationHealthUpdater health,
        IUpstreamTransport transport,
        TlsClient tls,
        TimeProvider time)
    {
        _state = state;
        _policy = policies.First(static policy => policy.Name == UpstreamClusterConfig.PolicyName);
        _health = health;
        Transport = transport;
        Tls = tls;
        Time = time;
        TimeLimit = new(time);
    }

    /// <summary>Names and sockets.</summary>
    public IUpstreamTransport Transport { get; }

    /// <summary>The shield's end of TLS with MTAs.</summary>
    public TlsClient Tls { get; }

    /// <summary>The clock of all timeouts.</summary>
    public TimeProvider Time { get; }

    /// <summary>Bounds a dial, and each of its steps.</summary>
    public TimeLimit TimeLimit { get; }

    /// <summary>
    /// Dials for a client: one destination after another, none twice, within <see cref="UpstreamOptions.GreetingTimeout"/> in all.
    /// Expected failures are in the result.
    /// </summary>
    /// <param name="service">The service the client uses.</param>
    /// <param name="options">The options of the client's connection.</param>
    /// <param name="client">The client.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled; nothing is left open or counted.</exception>
    /// <exception cref="InvalidOperationException">The host did not call <see cref="UpstreamServices.MapUpstream"/>.</exception>
    public ValueTask<UpstreamDialResult> DialAsync(string service, ShieldOptions options, UpstreamClient client, CancellationToken cancellationToken) =>
        new UpstreamDial(this, ClusterOf(service), options, client, only: null, cancellationToken).RunAsync();

    /// <summary>
    /// Opens a session with one destination, with the service's TLS and handoff, and quits, to see whether it can be done. It is counted as a
    /// session; health is not touched.
    /// </summary>
    /// <param name="service">The service.</param>
    /// <param name="destination">One of <see cref="DestinationsOf"/>.</param>
    /// <param name="client">For whom; <see langword="null"/>: for the shield itself.</param>
    /// <param name="relaysTo">A recipient elsewhere, whom the MTA should not take from that client; <see langword="null"/>: none is tried.
    /// No content is ever sent.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled; nothing is left open or counted.</exception>
    /// <exception cref="InvalidOperationException">The host did not call <see cref="UpstreamServices.MapUpstream"/>.</exception>
    public async ValueTask<UpstreamProbe> ProbeAsync(
        ShieldService service, string destination, UpstreamClient? client, string? relaysTo, CancellationToken cancellationToken)
    {
        var cluster = ClusterOf(service.Name);
        var only = cluster.DestinationsState.AllDestinations.First(state => state.DestinationId == destination);
        var options = service.Unstressed;
        var dial = await new UpstreamDial(this, cluster, options, client, only, cancellationToken).RunAsync();
        if (dial.Connection is not { } connection)
            return new(dial.Failures);
        await using (connection)
            return await UpstreamProbe.RunAsync(connection, dial.Failures, options, relaysTo, Time, cancellationToken);
    }

    /// <summary>The destinations of a service, as configured; for metrics and status.</summary>
    /// <param name="service">Its name.</param>
    public IEnumerable<string> DestinationsOf(string service) => NamesOf(service, static state => state.AllDestinations);

    /// <summary>Those of <see cref="DestinationsOf"/> that are not passed over now. All of them when none is healthy.</summary>
    /// <param name="service">Its name.</param>
    public IEnumerable<string> AvailableDestinationsOf(string service) => NamesOf(service, static state => state.AvailableDestinations);

    /// <summary>Sockets a destination sees now: sessions, and dials under way.</summary>
    /// <param name="destination">As configured, <c>host:port</c>.</param>
    public int SessionsOf(string destination) => _destinations.TryGetValue(destination, out var known) ? known.Sessions : 0;

    /// <summary>Our side of a destination, kept across reloads: running sessions count on although the cluster dropped it.</summary>
    public UpstreamDestination DestinationOf(DestinationState state) =>
        _destinations.GetOrAdd(state.DestinationId, static name => new UpstreamDestination(name));

    /// <summary>Lets the policy choose.</summary>
    public DestinationState? Pick(ClusterState cluster, IReadOnlyList<DestinationState> candidates) => candidates.Count switch
    {
        0 => null,
        1 => candidates[0],
        _ => _policy.PickDestination(NoRequest, cluster, candidates),
    };

    /// <summary>
    /// Remembers a destination that failed, so that others are preferred for a while. The only destination is never marked: it would be tried anyway.
    /// </summary>
    public void RecordFailure(ClusterState cluster, DestinationState destination, TimeSpan reactivation)
    {
        if (cluster.DestinationsState.AllDestinations.Count > 1)
            _health.SetPassive(cluster, destination, DestinationHealth.Unhealthy, reactivation);
    }

    /// <summary>Takes a destination back that answers although it was marked: it was tried because no other was left.</summary>
    public void RecordSuccess(ClusterState cluster, DestinationState destination)
    {
        if (destination.Health.Passive == DestinationHealth.Unhealthy)
            _health.SetPassive(cluster, destination, DestinationHealth.Healthy, TimeSpan.Zero);
    }

    private IEnumerable<string> NamesOf(string service, Func<ClusterDestinationsState, IReadOnlyList<DestinationState>> list) =>
        list(ClusterOf(service).DestinationsState).Select(static destination => destination.DestinationId);

    private ClusterState ClusterOf(string service) => _state.Value.TryGetCluster(service, out var cluster)
        ? cluster
        : throw new InvalidOperationException($"The upstream cluster of {service} is not loaded: {nameof(UpstreamServices.MapUpstream)} was not called.");
}
