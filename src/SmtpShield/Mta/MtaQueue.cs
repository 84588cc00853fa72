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

    // How many wait, by whose destinations; empty: there is no timer.
    private readonly Dictionary<ClusterState, int> _waiting = [];
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
    /// <returns>The slot; null: the time is over.</returns>
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

        Enter(cluster);
        try
        {
            using var left = leave.UnsafeRegister(static over => ((TaskCompletionSource)over!).TrySetResult(), over);
            using var givenUp = giveUp.UnsafeRegister(static over => ((TaskCompletionSource)over!).TrySetResult(), over);
            Look(cluster);
            await ((Task)over.Task.WaitAsync(atMost, time, CancellationToken.None)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            Leave(cluster);
        }

        var slot = waiter.Leave();
        if (!leave.IsCancellationRequested && !giveUp.IsCancellationRequested)
            return slot;

        slot?.Dispose();
        throw new OperationCanceledException(giveUp.IsCancellationRequested ? giveUp : leave);
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

    private void Enter(ClusterState cluster)
    {
        lock (_gate)
        {
            _waiting[cluster] = _waiting.GetValueOrDefault(cluster) + 1;
            _timer ??= time.CreateTimer(static queue => ((MtaQueue)queue!).LookAtAll(), this, LongWaits.Step, LongWaits.Step);
        }
    }

    private void Leave(ClusterState cluster)
    {
        lock (_gate)
        {
            if (_waiting.GetValueOrDefault(cluster) is > 1 and var waiting)
                _waiting[cluster] = waiting - 1;
            else
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

    private void Look(ClusterState cluster) =>
        _revocation.Look([.. cluster.DestinationsState.AllDestinations.Select(destination => pool.DestinationOf(destination).Slots)]);
}
