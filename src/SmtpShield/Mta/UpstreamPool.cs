using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using SmtpShield.Clients;
using SmtpShield.Mta.Slots;
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
internal sealed class UpstreamPool : IDisposable
{
    // YARP's policies want an HTTP request. Those used here never look at it, so one serves all dials.
    private static readonly DefaultHttpContext NoRequest = new();

    private readonly ConcurrentDictionary<string, UpstreamDestination> _destinations = new(StringComparer.OrdinalIgnoreCase);
    private readonly Lazy<IProxyStateLookup> _state;
    private readonly ShieldSnapshot _snapshot;
    private readonly IDisposable _changes;
    private readonly ILoadBalancingPolicy _policy;
    private readonly IDestinationHealthUpdater _health;

    public UpstreamPool(
        Lazy<IProxyStateLookup> state,
        IEnumerable<ILoadBalancingPolicy> policies,
        IDestinationHealthUpdater health,
        ShieldSnapshot snapshot,
        KnownClients knownClients,
        IUpstreamTransport transport,
        TlsClient tls,
        TimeProvider time)
    {
        _state = state;
        _policy = policies.First(static policy => policy.Name == UpstreamClusterConfig.PolicyName);
        _health = health;
        _snapshot = snapshot;
        KnownClients = knownClients;
        Transport = transport;
        Tls = tls;
        Time = time;
        TimeLimit = new(time);
        Queue = new(this, time);
        _changes = ChangeToken.OnChange(snapshot.GetChangeToken, TakeTerms);
    }

    /// <summary>Names and sockets.</summary>
    public IUpstreamTransport Transport { get; }

    /// <summary>The shield's end of TLS with MTAs.</summary>
    public TlsClient Tls { get; }

    /// <summary>The clock of all timeouts.</summary>
    public TimeProvider Time { get; }

    /// <summary>Bounds a dial, and each of its steps.</summary>
    public TimeLimit TimeLimit { get; }

    /// <summary>Where dials wait for a session to be free.</summary>
    public MtaQueue Queue { get; }

    /// <summary>What clients are known for.</summary>
    public KnownClients KnownClients { get; }

    /// <summary>
    /// Dials for a client: one destination after another, none twice, within <see cref="UpstreamOptions.GreetingTimeout"/> in all.
    /// Before, it waits for a session to be free there, for <see cref="UpstreamOptions.QueueTime"/> at most. Expected failures are in the result.
    /// </summary>
    /// <param name="service">The service the client uses.</param>
    /// <param name="options">The options of the client's connection.</param>
    /// <param name="client">The client.</param>
    /// <param name="wake">Makes the session look at what is asked of its <see cref="UpstreamConnection.Slot"/>.</param>
    /// <param name="leaveQueue">Gives up while nothing but a session to be free is waited for.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OperationCanceledException">A token was cancelled; what is left open ends by itself (<see cref="UpstreamDeparture"/>).</exception>
    /// <exception cref="InvalidOperationException">The host did not call <see cref="UpstreamServices.MapUpstream"/>.</exception>
    public ValueTask<UpstreamDialResult> DialAsync(
        string service, ShieldOptions options, UpstreamClient client, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken) =>
        new UpstreamDial(this, ClusterOf(service), options, client, only: null, wake, leaveQueue, cancellationToken).RunAsync();

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
        var dial = await new UpstreamDial(this, cluster, options, client, only, wake: static () => { }, cancellationToken, cancellationToken).RunAsync();
        if (dial.Connection is not { } connection)
            return new(dial.Failures);
        await using (connection)
        {
            var probe = await UpstreamProbe.RunAsync(connection, dial.Failures, options, relaysTo, Time, cancellationToken);
            if (probe.Failure is not null)
                connection.Quit();
            return probe;
        }
    }

    /// <summary>The destinations of a service, as configured; for metrics and status.</summary>
    /// <param name="service">Its name.</param>
    public IEnumerable<string> DestinationsOf(string service) => NamesOf(service, static state => state.AllDestinations);

    /// <summary>Those of <see cref="DestinationsOf"/> that are not passed over now. All of them when none is healthy.</summary>
    /// <param name="service">Its name.</param>
    public IEnumerable<string> AvailableDestinationsOf(string service) => NamesOf(service, static state => state.AvailableDestinations);

    /// <summary>Sockets a destination sees now: sessions, and dials under way.</summary>
    /// <param name="destination">As configured, <c>host:port</c>.</param>
    public int SessionsOf(string destination) => _destinations.TryGetValue(destination, out var known) ? known.Slots.Used : 0;

    /// <summary>How much of what they may have the MTAs of a service have in use; of all services that share them.</summary>
    /// <param name="service">Its name.</param>
    /// <returns>Sessions in use and allowed (0: as many as there are), and whether anybody waits for one.</returns>
    public (int Used, int Limit, bool IsWaiting) UseOf(string service)
    {
        var (used, limit, isWaiting) = (0, 0, false);
        foreach (var destination in ClusterOf(service).DestinationsState.AllDestinations)
        {
            var slots = DestinationOf(destination).Slots;
            if (!slots.Terms.AreLimited)
                return default;

            used += slots.Used;
            limit += slots.Terms.Limit;
            isWaiting |= slots.Waiting > 0;
        }

        return (used, limit, isWaiting);
    }

    /// <summary>Our side of a destination, kept across reloads: running sessions count on although the cluster dropped it.</summary>
    public UpstreamDestination DestinationOf(DestinationState state) =>
        _destinations.GetOrAdd(state.DestinationId, static (name, pool) => new UpstreamDestination(name, pool.Time, pool.TermsOf(name)), this);

    /// <summary>What a client is known for.</summary>
    /// <param name="options">The options of its connection.</param>
    /// <param name="client">The client; <see langword="null"/>: the shield itself.</param>
    public ClientStanding StandingOf(ShieldOptions options, UpstreamClient? client) =>
        client is null || ClientExceptions.Contain(options, client.Identity) ? ClientStanding.Exempt : KnownClients.StandingOf(client.Identity.Range);

    /// <summary>The MTA has accepted a message: see <see cref="KnownClients.NoteMessage"/>. Those of the range who wait are known good from now on.</summary>
    public void NoteMessage(in ClientRange range, int accepted, int refused)
    {
        if (!KnownClients.NoteMessage(range, accepted, refused))
            return;
        foreach (var destination in _destinations.Values)
            destination.Slots.Promote(range);
    }

    /// <summary>
    /// A session of a range was ended for others' sake, or made too many errors: see <see cref="KnownClients.NoteBad"/>. Those of it who wait are bad from now
    /// on.
    /// </summary>
    public void NoteBad(in ClientRange range)
    {
        if (!KnownClients.NoteBad(range))
            return;
        foreach (var destination in _destinations.Values)
            destination.Slots.Demote(range);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _changes.Dispose();
        Queue.Dispose();
    }

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

    // A destination of several services has one limit, the same in all of them (checked when they are read), and never the one under stress. One that is no
    // service's any more keeps its own until its last session has gone.
    private SlotTerms TermsOf(string destination) => SlotTerms.Of(ServiceWith(destination) ?? _snapshot.Current.Upstream);

    private UpstreamOptions? ServiceWith(string destination) => _snapshot.Current.Services.Values.DefaultIfEmpty(_snapshot.Current)
        .Select(static service => service.Upstream)
        .FirstOrDefault(upstream => upstream.Destinations.Any(address => address.ToString().Equals(destination, StringComparison.OrdinalIgnoreCase)));

    private void TakeTerms()
    {
        foreach (var destination in _destinations.Values)
        {
            if (ServiceWith(destination.Name) is { } options)
                destination.Slots.Terms = SlotTerms.Of(options);
        }
    }

    private IEnumerable<string> NamesOf(string service, Func<ClusterDestinationsState, IReadOnlyList<DestinationState>> list) =>
        list(ClusterOf(service).DestinationsState).Select(static destination => destination.DestinationId);

    private ClusterState ClusterOf(string service) => _state.Value.TryGetCluster(service, out var cluster)
        ? cluster
        : throw new InvalidOperationException($"The upstream cluster of {service} is not loaded: {nameof(UpstreamServices.MapUpstream)} was not called.");
}
