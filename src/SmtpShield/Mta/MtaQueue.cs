using SmtpShield.Clients;
using SmtpShield.Mta.Slots;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta;

/// <summary>
/// Where dials wait for a session to be free at one of their destinations. As long as somebody waits, those who hold one are asked for what they can do without
/// (<see cref="Revocation"/>): when a waiter comes, and each <see cref="LongWaits.Step"/>.
/// </summary>
/// <param name="pool">Whose destinations they are.</param>
/// <param name="time">The clock.</param>
internal sealed class MtaQueue(UpstreamPool pool, TimeProvider time) : IDisposable
{
    private readonly Revocation _revocation = new(time);
    private readonly Lock _gate = new();

    // Who waits, by whose destinations; empty: there is no timer.
    private readonly Dictionary<ClusterState, HashSet<TaskCompletionSource>> _waiting = [];
    private ITimer? _timer;

    /// <summary>Waits for a slot.</summary>
    /// <param name="cluster">The service's destinations.</param>
    /// <param name="candidates">Those it would go to: at least one.</param>
    /// <param name="client">Whose session it is.</param>
    /// <param name="standing">What the client is known for.</param>
    /// <param name="wake">Makes the session look at <see cref="Slot.Demand"/>; also called when there is a slot.</param>
    /// <param name="atMost">How long.</param>
    /// <param name="leave">Ends the wait.</param>
    /// <param name="giveUp">Ends the wait.</param>
    /// <returns>The slot; null: the time is over, or the destinations are not the same any more (<see cref="Reconsider"/>).</returns>
    /// <exception cref="OperationCanceledException">One of the tokens was cancelled.</exception>
    public async ValueTask<Slot?> WaitAsync(
        ClusterState cluster,
        MtaSlots[] candidates,
        ClientRange client,
        ClientStanding standing,
        Action wake,
        TimeSpan atMost,
        CancellationToken leave,
        CancellationToken giveUp)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var waiter = SlotWaiter.Enqueue(candidates, client, standing, () =>
        {
            over.TrySetResult();
            wake();
        });
        if (waiter.Granted is { } atOnce)
            return atOnce;

        Enter(cluster, over);
        try
        {
            using var left = leave.UnsafeRegister(static over => ((TaskCompletionSource)over!).TrySetResult(), over);
            using var givenUp = giveUp.UnsafeRegister(static over => ((TaskCompletionSource)over!).TrySetResult(), over);
            Look(cluster);
            await ((Task)over.Task.WaitAsync(atMost, time, CancellationToken.None)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            Leave(cluster, over);
        }

        var slot = waiter.Leave();
        if (!leave.IsCancellationRequested && !giveUp.IsCancellationRequested)
            return slot;

        slot?.Dispose();
        throw new OperationCanceledException(giveUp.IsCancellationRequested ? giveUp : leave);
    }

    /// <summary>
    /// One of a service's destinations has gone or come back: those who wait for one of them look anew where they may go. They lose the age of their wait, not
    /// its time.
    /// </summary>
    public void Reconsider(ClusterState cluster)
    {
        TaskCompletionSource[] waiting;
        lock (_gate)
            waiting = _waiting.TryGetValue(cluster, out var all) ? [.. all] : [];
        foreach (var over in waiting)
            over.TrySetResult();
    }

    /// <summary>
    /// Those who wait for a destination's sessions wait at another process of this shield: those who hold one here are asked for what they can do without.
    /// </summary>
    public void LookAt(UpstreamDestination destination)
    {
        destination.GiveUpKept();
        _revocation.Look([destination.Slots]);
    }

    /// <summary>Nobody is asked any more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _waiting.Clear();
            StopTimer();
        }
    }

    private void Enter(ClusterState cluster, TaskCompletionSource over)
    {
        lock (_gate)
        {
            if (!_waiting.TryGetValue(cluster, out var all))
                _waiting[cluster] = all = [];
            all.Add(over);
            _timer ??= time.CreateTimer(static queue => ((MtaQueue)queue!).LookAtAll(), this, LongWaits.Step, LongWaits.Step);
        }
    }

    private void Leave(ClusterState cluster, TaskCompletionSource over)
    {
        lock (_gate)
        {
            if (_waiting.TryGetValue(cluster, out var all) && all.Remove(over) && all.Count == 0)
                _waiting.Remove(cluster);
            if (_waiting.Count == 0)
                StopTimer();
        }
    }

    private void StopTimer()
    {
        _timer?.Dispose();
        _timer = null;
    }

    private void LookAtAll()
    {
        ClusterState[] clusters;
        lock (_gate)
            clusters = [.. _waiting.Keys];
        foreach (var cluster in clusters)
            Look(cluster);
    }

    private void Look(ClusterState cluster)
    {
        UpstreamDestination[] destinations = [.. cluster.DestinationsState.AllDestinations.Select(pool.DestinationOf)];
        MtaSlots[] slots = [.. destinations.Select(static destination => destination.Slots)];
        foreach (var destination in destinations)
        {
            destination.GiveUpKept();
            destination.Slots.Look();
        }

        _revocation.Look(slots);
    }
}
