namespace SmtpShield.Mta.Slots;

/// <summary>
/// The ranges with waiters of one standing, in the order in which they get sessions: those that hold fewest, of these the one whose oldest waiter came first.
/// A binary heap in which each range knows its index, so that one that holds more or fewer, or whose oldest waiter has gone, finds its new position in a few
/// steps.
/// </summary>
/// <remarks>
/// Not thread-safe: the owner locks. A newcomer costs one comparison, all else at most two for each doubling of the ranges that wait: 28 of 10,000.
/// </remarks>
/// <param name="standing">Whose.</param>
internal sealed class RangeHeap(ClientStanding standing)
{
    // From 1 on: the children of i are 2i and 2i + 1, and 0 is no index.
    private SlotRange[] _ranges = new SlotRange[16];

    /// <summary>Ranges in it.</summary>
    public int Count { get; private set; }

    /// <summary>Who is first; null: nobody waits.</summary>
    public SlotRange? First => Count > 0 ? _ranges[1] : null;

    /// <summary>A range has its first waiter.</summary>
    public void Add(SlotRange range)
    {
        if (++Count == _ranges.Length)
            Array.Resize(ref _ranges, 2 * Count);
        Rise(range, Count);
    }

    /// <summary>A range has no waiter any more.</summary>
    public void Remove(SlotRange range)
    {
        var index = range.HeapIndex[(int)standing];
        range.HeapIndex[(int)standing] = 0;
        var last = _ranges[Count];
        _ranges[Count--] = null!;
        if (last != range)
            Place(last, index);
    }

    /// <summary>Finds the new position of a range, if it has waiters, when what it holds or its oldest waiter has changed.</summary>
    public void Update(SlotRange range)
    {
        if (range.HeapIndex[(int)standing] is > 0 and var index)
            Place(range, index);
    }

    private void Place(SlotRange range, int index)
    {
        if (index > 1 && IsBefore(range, _ranges[index / 2]))
            Rise(range, index);
        else
            Sink(range, index);
    }

    private void Rise(SlotRange range, int index)
    {
        for (; index > 1 && IsBefore(range, _ranges[index / 2]); index /= 2)
            Set(index, _ranges[index / 2]);
        Set(index, range);
    }

    private void Sink(SlotRange range, int index)
    {
        while (2 * index <= Count)
        {
            var child = 2 * index;
            if (child < Count && IsBefore(_ranges[child + 1], _ranges[child]))
                child++;
            if (!IsBefore(_ranges[child], range))
                break;

            Set(index, _ranges[child]);
            index = child;
        }

        Set(index, range);
    }

    private void Set(int index, SlotRange range)
    {
        _ranges[index] = range;
        range.HeapIndex[(int)standing] = index;
    }

    private bool IsBefore(SlotRange one, SlotRange other) =>
        one.Held != other.Held ? one.Held < other.Held : one.Oldest[(int)standing]!.IsOlderThan(other.Oldest[(int)standing]!);
}
