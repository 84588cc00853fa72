namespace SmtpShield.Mta.Slots;

/// <summary>Slots in the order in which they were taken, the last one first; each is in one list at most.</summary>
/// <remarks>Not thread-safe: the owner locks. A slot is not added or removed while they are enumerated.</remarks>
internal sealed class SlotList
{
    private Slot? _last;

    /// <summary>The slots.</summary>
    public Enumerator GetEnumerator() => new(_last);

    /// <summary>Adds one.</summary>
    public void Add(Slot slot)
    {
        slot.TakenBefore = _last;
        if (_last is not null)
            _last.TakenAfter = slot;
        _last = slot;
    }

    /// <summary>Removes one of them.</summary>
    public void Remove(Slot slot)
    {
        if (slot.TakenAfter is null)
            _last = slot.TakenBefore;
        else
            slot.TakenAfter.TakenBefore = slot.TakenBefore;
        if (slot.TakenBefore is not null)
            slot.TakenBefore.TakenAfter = slot.TakenAfter;
        (slot.TakenBefore, slot.TakenAfter) = (null, null);
    }

    /// <summary>Goes through them.</summary>
    /// <param name="last">The last one.</param>
    internal struct Enumerator(Slot? last)
    {
        private Slot? _next = last;

        /// <summary>The one it is at.</summary>
        public Slot Current { get; private set; } = null!;

        /// <summary>Goes to the one that was taken before.</summary>
        public bool MoveNext()
        {
            if (_next is not { } slot)
                return false;

            (Current, _next) = (slot, slot.TakenBefore);
            return true;
        }
    }
}
