using SmtpShield.Clients;

namespace SmtpShield.Mta.Slots;

/// <summary>
/// A session that waits for a session at one of several destinations, whichever is free first. It is <em>queued</em>, <em>granted</em> or <em>left</em>: one
/// word, changed once, by whoever is first. So a grant, a time-out and a client that goes may come at the same moment, from several destinations at once, and
/// exactly one of them counts.
/// </summary>
/// <remarks>It is its own place in the queue of the first destination; for each further one there is another object.</remarks>
internal sealed class SlotWaiter : WaitingPlace, IThreadPoolWorkItem
{
    private static readonly object s_left = new();

    private readonly Action _wake;
    private readonly FurtherPlace? _further;
    private object? _outcome;

    private SlotWaiter(ReadOnlySpan<MtaSlots> destinations, Action wake) : base(destinations[0])
    {
        _wake = wake;
        foreach (var further in destinations[1..])
            _further = new(further, this, _further);
    }

    /// <inheritdoc />
    public override SlotWaiter Waiter => this;

    /// <summary>What it has been granted; null: nothing. It is the session's from here on, which gives it back by disposing it.</summary>
    public Slot? Granted => Volatile.Read(ref _outcome) as Slot;

    /// <summary>Whether it still waits.</summary>
    public bool IsQueued => Volatile.Read(ref _outcome) is null;

    /// <summary>Waits. There may be a slot at once.</summary>
    /// <param name="destinations">Where: at least one, none twice.</param>
    /// <param name="client">Whose session it is.</param>
    /// <param name="standing">What the client is known for.</param>
    /// <param name="wake">
    /// Makes the session look at <see cref="Granted"/>; called on another thread when there is something, and later when its slot's <see cref="Slot.Demand"/>
    /// has changed.
    /// </param>
    public static SlotWaiter Enqueue(ReadOnlySpan<MtaSlots> destinations, in ClientRange client, ClientStanding standing, Action wake)
    {
        // All places exist before the first one is in a queue: who takes them out again sees all of them.
        var waiter = new SlotWaiter(destinations, wake);
        waiter.Slots.Enqueue(waiter, client, standing);
        for (var further = waiter._further; further is not null; further = further.Next)
            further.Slots.Enqueue(further, client, standing);
        return waiter;
    }

    /// <summary>Waits no longer: the time is over, or the client has gone. Again: does nothing.</summary>
    /// <returns>Null: nothing was granted, and nothing will be. Else what was granted before: it is to be used, or disposed.</returns>
    public Slot? Leave()
    {
        var outcome = Interlocked.CompareExchange(ref _outcome, s_left, null);
        if (outcome is null)
            LeaveQueues();
        return outcome as Slot;
    }

    /// <summary>Grants a slot; by the destination, under its lock.</summary>
    /// <returns>False: the waiter has left, or was granted one elsewhere.</returns>
    public bool TryGrant(Slot slot)
    {
        if (Interlocked.CompareExchange(ref _outcome, slot, null) is not null)
            return false;

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return true;
    }

    /// <summary>The slot of a grant, whose wake-up is the waiter's.</summary>
    public Slot MakeSlot(WaitingPlace place) => new(place.Slots, place.Range!, place.Standing, _wake);

    /// <inheritdoc />
    void IThreadPoolWorkItem.Execute()
    {
        if (_further is not null)
            LeaveQueues();
        _wake();
    }

    // One lock at a time. Where it is not queued yet, it will not be: its state is looked at under the same lock.
    private void LeaveQueues()
    {
        Slots.Remove(this);
        for (var further = _further; further is not null; further = further.Next)
            further.Slots.Remove(further);
    }

    /// <summary>The waiter's place at a further destination.</summary>
    private sealed class FurtherPlace(MtaSlots slots, SlotWaiter waiter, FurtherPlace? next) : WaitingPlace(slots)
    {
        /// <inheritdoc />
        public override SlotWaiter Waiter => waiter;

        /// <summary>Its place at the next one.</summary>
        public FurtherPlace? Next => next;
    }
}
