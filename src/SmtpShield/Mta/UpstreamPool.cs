using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using SmtpShield.Clients;
using SmtpShield.Metrics;
using SmtpShield.Limits.Shared;
using SmtpShield.Mta.Health;
using SmtpShield.Mta.Learned;
using SmtpShield.Mta.Policies;
using SmtpShield.Mta.Reuse;
using SmtpShield.Mta.Slots;
using SmtpShield.Mta.Stress;
using SmtpShield.Options;
using SmtpShield.Tls;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta;

/// <summary>
/// The MTAs behind the shield: picks one of a service's, dials it, tells it who the client is, reads its greeting, goes on to the next
/// when that fails, and remembers who failed. Services that share a destination count its sessions together, but each finds out for itself whether it lives.
/// Destinations and their health are YARP's, time-outs are Polly's; neither is seen outside this folder.
/// </summary>
internal sealed class UpstreamPool : IDisposable
{
    private readonly ConcurrentDictionary<string, UpstreamDestination> _destinations = new(StringComparer.OrdinalIgnoreCase);
    private readonly Lazy<IProxyStateLookup> _state;
    private readonly ShieldSnapshot _snapshot;
    private readonly ILogger _log;
    private readonly IDisposable _changes;
    private readonly ShieldFarm _farm;
    private readonly ConcurrentDictionary<(string Service, string Destination), MtaHealth> _health = new();
    private readonly ConcurrentDictionary<(string Service, UpstreamPolicy Policy), IUpstreamPolicy> _policies = new();
    private readonly IDestinationHealthUpdater _updater;
    private readonly LearnedMtas _learned;
    private readonly ShieldMetrics _metrics;

    public UpstreamPool(
        Lazy<IProxyStateLookup> state,
        IDestinationHealthUpdater health,
        ShieldSnapshot snapshot,
        ShieldFarm farm,
        KnownClients knownClients,
        LearnedMtas learned,
        IUpstreamTransport transport,
        TlsClient tls,
        ShieldMetrics metrics,
        TimeProvider time,
        ILogger<UpstreamPool> log)
    {
        _state = state;
        _updater = health;
        _learned = learned;
        _metrics = metrics;
        _snapshot = snapshot;
        KnownClients = knownClients;
        _log = log;
        Transport = transport;
        Tls = tls;
        Time = time;
        TimeLimit = new(time);
        Queue = new(this, time);
        _changes = ChangeToken.OnChange(snapshot.GetChangeToken, TakeTerms);
        _farm = farm;
        farm.Changed += TakeTerms;
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
        new UpstreamDial(this, ClusterOf(service), options, client, only: null, waits: true, wake, leaveQueue, cancellationToken).RunAsync();

    /// <summary>The destinations of a service, as configured; for metrics and status.</summary>
    /// <param name="service">Its name.</param>
    public IEnumerable<string> DestinationsOf(string service) => NamesOf(service, static state => state.AllDestinations);

    /// <summary>The addresses of a service's destinations, as far as they are known: those of a name once it was looked up.</summary>
    /// <param name="service">Its name.</param>
    public IEnumerable<IPAddress> AddressesOf(string service) =>
        ClusterOf(service).DestinationsState.AllDestinations.Select(DestinationOf).SelectMany(static destination =>
            destination.Literal is { } literal ? [literal.Address] : destination.Addresses?.Known ?? []);

    /// <summary>
    /// Those of <see cref="DestinationsOf"/> that are not passed over now. All of them when none is healthy; never one that was taken out by hand.
    /// </summary>
    /// <param name="service">Its name.</param>
    public IEnumerable<string> AvailableDestinationsOf(string service) =>
        NamesOf(service, state => state.AvailableDestinations.Where(destination => !DestinationOf(destination).IsDrained));

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

            used += slots.InUse + slots.Lent;
            limit += slots.Terms.Limit;
            isWaiting |= slots.IsWaitedFor;
        }

        return (used, limit, isWaiting);
    }

    /// <summary>How hard pressed the MTAs of a service are: as the best of those that serve, because that one is there for new sessions.</summary>
    /// <param name="service">Its name.</param>
    public StressLevel StressOf(string service)
    {
        var cluster = ClusterOf(service);
        StressLevel? best = null;
        foreach (var destination in cluster.DestinationsState.AllDestinations)
        {
            if (MayServe(cluster, destination) && DestinationOf(destination).Stress.State.Level is var level && !(level >= best))
                best = level;
        }

        return best ?? StressLevel.None;
    }

    /// <summary>A second is over: judges how hard pressed each destination is.</summary>
    public void EndSecond()
    {
        foreach (var destination in _destinations.Values)
            destination.EndSecond();
    }

    /// <summary>Our side of a destination, kept across reloads: running sessions count on although the cluster dropped it.</summary>
    public UpstreamDestination DestinationOf(DestinationState state) =>
        DestinationOf(state.DestinationId);

    /// <summary>Our side of each destination there has been so far.</summary>
    public IEnumerable<UpstreamDestination> Destinations => _destinations.Values;

    /// <summary>Our side of one by its name, also before anything else is known of it.</summary>
    public UpstreamDestination DestinationOf(string name) => _destinations.GetOrAdd(name, static (name, pool) => pool.NewDestination(name), this);

    /// <summary>What a client is known for.</summary>
    /// <param name="options">The options of its connection.</param>
    /// <param name="client">The client; <see langword="null"/>: the shield itself.</param>
    public ClientStanding StandingOf(ShieldOptions options, UpstreamClient? client) =>
        client is null or { IsCheck: true } || ClientExceptions.Contain(options, client.Identity)
            ? ClientStanding.Exempt
            : KnownClients.StandingOf(client.Identity.Range);

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
        foreach (var destination in _destinations.Values)
            destination.Dispose();
    }

    /// <summary>Lets the policy choose; there is one at least.</summary>
    public DestinationState Pick(ClusterState cluster, IReadOnlyList<DestinationState> candidates, in ClientRange client, UpstreamPolicy policy)
    {
        if (candidates.Count == 1)
            return candidates[0];

        var choice = new Candidate[candidates.Count];
        for (var i = 0; i < choice.Length; i++)
        {
            var destination = candidates[i];
            choice[i] = new(destination.DestinationId, UpstreamClusterConfig.OrderOf(destination), UpstreamClusterConfig.WeightOf(destination),
                DestinationOf(destination).Slots.InUse);
        }

        return candidates[_policies.GetOrAdd((cluster.ClusterId, policy), static key => PolicyOf(key.Policy)).Pick(choice, client)];
    }

    /// <summary>Whether a destination may have new sessions: it is not down, and was not taken out.</summary>
    public bool MayServe(ClusterState cluster, DestinationState destination) =>
        !DestinationOf(destination).IsDrained && !HealthOf(cluster, destination).IsDown;

    /// <summary>Whether all of them may.</summary>
    public bool MayAllServe(ClusterState cluster, IReadOnlyList<DestinationState> destinations)
    {
        for (var i = 0; i < destinations.Count; i++)
        {
            if (!MayServe(cluster, destinations[i]))
                return false;
        }

        return destinations.Count > 0;
    }

    /// <summary>Whether a client may try a destination that is down, because all are.</summary>
    public bool MayBeTried(ClusterState cluster, DestinationState destination) =>
        !DestinationOf(destination).IsDrained && HealthOf(cluster, destination).IsDialDue();

    /// <summary>What is known of a session that a client may leave to others.</summary>
    /// <param name="service">The service.</param>
    /// <param name="options">The options of the client's connection.</param>
    /// <param name="hello">The HELO or EHLO line the MTA was told, without its end.</param>
    /// <param name="reply">Its reply.</param>
    public SessionReuse NewReuse(string service, ShieldOptions options, ReadOnlyMemory<byte> hello, UpstreamReply reply)
    {
        var reuse = new SessionReuse(service, options, _snapshot, Time.GetTimestamp());
        reuse.Greet(hello, reply);
        return reuse;
    }

    /// <summary>Leaves all MTAs whose sessions wait for another client; from now on none does.</summary>
    public void KeepNone()
    {
        foreach (var destination in _destinations.Values)
            destination.Kept.Dispose();
    }

    /// <summary>What a service knows of a destination.</summary>
    public MtaHealth HealthOf(ClusterState cluster, DestinationState destination) => _health.GetOrAdd(
        (cluster.ClusterId, destination.DestinationId),
        static (key, of) => new MtaHealth(key.Service, of.Pool.DestinationOf(of.Destination), of.Pool.Time, of.Pool._log),
        (Pool: this, Destination: destination));

    /// <summary>How long a service hears nothing of an MTA that serves before it is probed; 0: it is not probed.</summary>
    public TimeSpan ProbeIntervalOf(ClusterState cluster) => _snapshot.Current.Of(cluster.ClusterId).Upstream.ProbeInterval;

    /// <summary>
    /// Somebody has tried to have a session with a destination. One that is down is YARP's unhealthy one; all who wait look anew where they may go when one
    /// comes back, or none is left.
    /// </summary>
    public void Note(ClusterState cluster, DestinationState destination, ProbeOutcome outcome, bool isProbe)
    {
        Apply(cluster, destination, HealthOf(cluster, destination).Note(outcome, isProbe));
        if (outcome.Kind == ProbeOutcomeKind.Good && destination.Health.Passive == DestinationHealth.Unhealthy)
            _updater.SetPassive(cluster, destination, DestinationHealth.Healthy, TimeSpan.Zero);
    }

    /// <summary>
    /// The same by a client's dial. A destination that failed is passed over for a while, as long as there are others; busy is not failed.
    /// </summary>
    public void NoteDial(ClusterState cluster, DestinationState destination, ProbeOutcome outcome, TimeSpan reactivation)
    {
        Note(cluster, destination, outcome, isProbe: false);
        DestinationOf(destination).Stress.NoteDial(isInVain: outcome.Kind is ProbeOutcomeKind.Silent or ProbeOutcomeKind.Failed);
        if (outcome.Kind is ProbeOutcomeKind.Silent or ProbeOutcomeKind.Failed && cluster.DestinationsState.AllDestinations.Count > 1)
            _updater.SetPassive(cluster, destination, DestinationHealth.Unhealthy, reactivation);
    }

    private static IUpstreamPolicy PolicyOf(UpstreamPolicy policy) => policy switch
    {
        UpstreamPolicy.RoundRobin => new RoundRobin(),
        UpstreamPolicy.First => new First(),
        UpstreamPolicy.Client => new ByClient(),
        _ => new LeastSessions(),
    };

    private void Apply(ClusterState cluster, DestinationState destination, HealthChange change)
    {
        if (change == HealthChange.None)
            return;

        var isBack = change == HealthChange.Back;
        _updater.SetActive(cluster, [new(destination, isBack ? DestinationHealth.Healthy : DestinationHealth.Unhealthy)]);
        if (isBack)
            DestinationOf(destination).BeginSlowStart(SlowStartOf(cluster));
        else
            Forget(cluster, destination);
        if (isBack || !cluster.DestinationsState.AllDestinations.Any(other => MayServe(cluster, other)))
            Queue.Reconsider(cluster);
    }

    private void Forget(ClusterState cluster, DestinationState destination)
    {
        _learned.Forget(cluster.ClusterId, destination.DestinationId);
        DestinationOf(destination).Kept.GiveUpAll();
    }

    // The only one is wanted sooner.
    private TimeSpan SlowStartOf(ClusterState cluster)
    {
        var length = _snapshot.Current.Of(cluster.ClusterId).Upstream.SlowStart;
        return cluster.DestinationsState.AllDestinations.Count > 1 ? length : length / 3;
    }

    private UpstreamDestination NewDestination(string name) =>
        new(name, Time, TermsOf(name), Transport, _log) { Metrics = _metrics.OfDestination(name) };

    // A destination of several services has one limit, the same in all of them (checked when they are read), and never the one under stress. One that is no
    // service's any more keeps its own until its last session has gone.
    private SlotTerms TermsOf(string destination) => Terms(ServiceWith(destination) ?? _snapshot.Current.Upstream);

    private SlotTerms Terms(UpstreamOptions options) => SlotTerms.Of(options, _snapshot.Current.Sharing.DividesUpstream ? _farm.Shields : 1);

    private UpstreamOptions? ServiceWith(string destination) => _snapshot.Current.Services.Values.DefaultIfEmpty(_snapshot.Current)
        .Select(static service => service.Upstream)
        .FirstOrDefault(upstream => upstream.Destinations.Any(address => address.ToString().Equals(destination, StringComparison.OrdinalIgnoreCase)));

    private void TakeTerms()
    {
        foreach (var destination in _destinations.Values)
        {
            destination.Kept.GiveUpOutdated();
            if (ServiceWith(destination.Name) is { } options)
                destination.TakeTerms(Terms(options));
        }
    }

    private IEnumerable<string> NamesOf(string service, Func<ClusterDestinationsState, IEnumerable<DestinationState>> list) =>
        list(ClusterOf(service).DestinationsState).Select(static destination => destination.DestinationId);

    /// <summary>The destinations of a service.</summary>
    /// <exception cref="InvalidOperationException">The host did not call <see cref="UpstreamServices.MapUpstream"/>.</exception>
    public ClusterState ClusterOf(string service) => _state.Value.TryGetCluster(service, out var cluster)
        ? cluster
        : throw new InvalidOperationException($"The upstream cluster of {service} is not loaded: {nameof(UpstreamServices.MapUpstream)} was not called.");
}
