namespace SmtpShield.Mta.Slots;

/// <summary>How many wait at a destination.</summary>
internal struct WaiterCounts
{
    /// <summary>Waiters of known good clients of which this is the first destination.</summary>
    public int Good;

    /// <summary>The same for all other clients.</summary>
    public int Others;

    /// <summary>Waiters of which it is a further one: they are counted at their first one.</summary>
    public int Further;

    /// <summary>All.</summary>
    public readonly int Sum => Good + Others + Further;

    /// <summary>Counts a waiter.</summary>
    /// <param name="place">Its place.</param>
    /// <param name="change">1: it has come; -1: it goes.</param>
    public void Count(WaitingPlace place, int change)
    {
        if (!place.IsFirst)
            Further += change;
        else if (SlotQueue.IsGood(place.Standing))
            Good += change;
        else
            Others += change;
    }

    /// <summary>Counts others.</summary>
    public void Add(in WaiterCounts counts)
    {
        Good += counts.Good;
        Others += counts.Others;
        Further += counts.Further;
    }
}
