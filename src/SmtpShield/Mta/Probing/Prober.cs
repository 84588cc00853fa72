using SmtpShield.Mta.Health;
using SmtpShield.Mta.Learned;
using SmtpShield.Options;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta.Probing;

/// <summary>Has sessions with MTAs that are nobody's but the shield's own, to see whether they serve. They count as sessions.</summary>
/// <param name="pool">Dials.</param>
/// <param name="snapshot">The options in force.</param>
/// <param name="learned">What MTAs say to clients: probes tell, too.</param>
internal sealed class Prober(UpstreamPool pool, ShieldSnapshot snapshot, LearnedMtas learned)
{
    /// <summary>
    /// Opens a session with one destination, with the service's TLS and handoff, and quits, to see whether it can be done. It waits for a session to be free;
    /// health is not touched.
    /// </summary>
    /// <param name="service">The service.</param>
    /// <param name="destination">One of <see cref="UpstreamPool.DestinationsOf"/>.</param>
    /// <param name="client">For whom; <see langword="null"/>: for the shield itself.</param>
    /// <param name="relaysTo">A recipient elsewhere, whom the MTA should not take from that client; <see langword="null"/>: none is tried.
    /// No content is ever sent.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled; nothing is left open or counted.</exception>
    /// <exception cref="InvalidOperationException">The host did not call <see cref="UpstreamServices.MapUpstream"/>.</exception>
    public async ValueTask<UpstreamProbe> ProbeAsync(
        ShieldService service, string destination, UpstreamClient? client, string? relaysTo, CancellationToken cancellationToken)
    {
        var cluster = pool.ClusterOf(service.Name);
        var only = cluster.DestinationsState.AllDestinations.First(state => state.DestinationId == destination);
        var options = service.Unstressed;
        var dial = new UpstreamDial(pool, cluster, options, client, only, waits: true, wake: static () => { }, cancellationToken, cancellationToken);
        var result = await dial.RunAsync();
        if (result.Connection is not { } connection)
            return new(result.Failures);
        await using (connection)
            return await TalkAsync(connection, result.Failures, options, relaysTo, cancellationToken);
    }

    /// <summary>Probes a destination for its health, and learns what it offers.</summary>
    /// <returns>What that has shown; null: nothing, because no slot was free, or the shield lacked something.</returns>
    public async ValueTask<ProbeOutcome?> ProbeHealthAsync(ClusterState cluster, DestinationState destination)
    {
        var options = snapshot.Current.Of(cluster.ClusterId);
        var dial = new UpstreamDial(
            pool, cluster, options, client: null, destination, waits: false, wake: static () => { }, CancellationToken.None, CancellationToken.None);
        var result = await dial.RunAsync();
        if (result.Connection is not { } connection)
        {
            return result.Failures.Count == 0 || dial.IsBlameless
                ? null
                : new(result.GreetingTimedOut ? ProbeOutcomeKind.Silent : ProbeOutcomeKind.Failed, result.Failures[^1].Reason, dial.Took);
        }

        await using (connection)
        {
            var probe = await TalkAsync(connection, result.Failures, options, relaysTo: null, CancellationToken.None);
            var outcome = Judge(probe, dial.Took);
            if (outcome.Kind == ProbeOutcomeKind.Good)
            {
                var key = LearnedKey.Of(cluster.ClusterId, destination.DestinationId, options, isInTls: false);
                learned.NoteProbe(key, probe.Greeting!.Value.Text, probe.Ehlo!.Value.Text);
            }

            return outcome;
        }
    }

    private static ProbeOutcome Judge(UpstreamProbe probe, TimeSpan took) => probe switch
    {
        { Greeting.Code: 421 } => new(ProbeOutcomeKind.Busy, $"refused to talk to me: {probe.Greeting?.FirstLine}", took),
        { Greeting.Code: not 220 } => new(ProbeOutcomeKind.Failed, $"refused to talk to me: {probe.Greeting?.FirstLine}", took),
        { Failure: { } failure } => new(ProbeOutcomeKind.Failed, failure, took),
        { Ehlo.Code: 421 } => new(ProbeOutcomeKind.Busy, $"refused EHLO: {probe.Ehlo?.FirstLine}", took),
        { Ehlo.Code: not 250 } => new(ProbeOutcomeKind.Failed, $"refused EHLO: {probe.Ehlo?.FirstLine}", took),
        _ => new(ProbeOutcomeKind.Good, "", took),
    };

    private async ValueTask<UpstreamProbe> TalkAsync(
        UpstreamConnection connection, IReadOnlyList<UpstreamFailure> failures, ShieldOptions options, string? relaysTo, CancellationToken cancellationToken)
    {
        var probe = await UpstreamProbe.RunAsync(connection, failures, options, relaysTo, pool.Time, cancellationToken);
        if (probe.Failure is not null)
            connection.Quit();
        return probe;
    }
}
