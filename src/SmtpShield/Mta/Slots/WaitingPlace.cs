namespace SmtpShield.Mta.Slots;

/// <summary>The place of a waiter in the queue of one destination. Changed under the lock of that destination alone.</summary>
/// <param name="slots">The destination.</param>
internal abstract class WaitingPlace(MtaSlots slots)
{
    /// <summary>The destination.</summary>
    public MtaSlots Slots => slots;

    /// <summary>Who waits.</summary>
    public abstract SlotWaiter Waiter { get; }

    /// <summary>Whether it is the one at the waiter's first destination, where the waiter is counted.</summary>
    public bool IsFirst => Waiter == this;

    /// <summary>Whose waiter it is; null: it is not in the queue.</summary>
    public SlotRange? Range { get; set; }

    /// <summary>The waiter of its range and standing that came before it; of the oldest one: the newest.</summary>
    public WaitingPlace? Older { get; set; }

    /// <summary>The one that came behind it; of the newest one: the oldest.</summary>
    public WaitingPlace? Newer { get; set; }

    /// <summary>Its number in the order in which waiters came, which starts again after 2^32.</summary>
    public uint Number { get; set; }

    /// <summary>What its client is known for.</summary>
    public ClientStanding Standing { get; set; }

    /// <summary>Whether it came before another one.</summary>
    public bool IsOlderThan(WaitingPlace other) => (int)(Number - other.Number) < 0;
}
