using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta;

/// <summary>Which destinations a dial may still try: none twice, and none that is known to be down while there is another.</summary>
/// <param name="pool">Who dials.</param>
/// <param name="cluster">The service's destinations.</param>
/// <param name="only">The only destination to try, by a probe, whatever is known of it; <see langword="null"/>: any.</param>
internal sealed class DialCandidates(UpstreamPool pool, ClusterState cluster, DestinationState? only)
{
    private List<DestinationState>? _failed;

    /// <summary>All that might serve are known to be down, or none is left.</summary>
    public bool AreAllDown { get; private set; }

    /// <summary>Whether any was not tried.</summary>
    /// <param name="but">Not this one.</param>
    public bool IsAnyLeft(DestinationState? but = null) => Untried(cluster.DestinationsState.AllDestinations).Any(one => one != but);

    /// <summary>A destination has failed.</summary>
    public void NoteFailed(DestinationState destination) => (_failed ??= []).Add(destination);

    /// <summary>Those to try now.</summary>
    public IReadOnlyList<DestinationState> Next()
    {
        var state = cluster.DestinationsState;
        if (only is not null)
            return [.. Untried(state.AllDestinations)];
        if (_failed is null && pool.MayAllServe(cluster, state.AvailableDestinations))
            return state.AvailableDestinations;

        // YARP takes a failed destination off the available ones in the background, so it may still be there. When all of them have been tried, those passed
        // over for an earlier failure are the last resort; and when all are down, one of them now and then.
        DestinationState[] candidates = [.. Untried(state.AvailableDestinations).Where(one => pool.MayServe(cluster, one))];
        if (candidates.Length > 0)
            return candidates;
        var all = Untried(state.AllDestinations).ToArray();
        candidates = [.. all.Where(one => pool.MayServe(cluster, one))];
        AreAllDown = candidates.Length == 0;
        return AreAllDown && all.FirstOrDefault(one => pool.MayBeTried(cluster, one)) is { } tried ? [tried] : candidates;
    }

    private IEnumerable<DestinationState> Untried(IReadOnlyList<DestinationState> destinations) =>
        destinations.Where(destination => (only is null || destination == only) && (_failed is null || !_failed.Contains(destination)));
}
