namespace SmtpShield.Mta.Slots;

/// <summary>
/// How many of those who wait have done so for <see cref="Patience"/>. They are counted by the quarter of a second in which they came, which their number
/// tells, so none of them is looked at.
/// </summary>
/// <remarks>Not thread-safe: the owner locks. One is counted at most a <see cref="Step"/> late, never early.</remarks>
/// <param name="time">The clock.</param>
internal sealed class LongWaits(TimeProvider time)
{
    /// <summary>How long somebody waits before others are asked to give up what they have for him.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>How finely times are told apart.</summary>
    public static readonly TimeSpan Step = Patience / 4;

    // Those of a patience, and the one that has begun: what is older has lasted long enough.
    private readonly Slice[] _slices = new Slice[5];

    private Slice _long;
    private int _newest;

    /// <summary>How many have waited that long.</summary>
    public WaiterCounts Count()
    {
        var now = time.GetTimestamp();
        var counts = _long.Counts;
        foreach (ref readonly var slice in _slices.AsSpan())
        {
            if (time.GetElapsedTime(slice.LastAt, now) >= Patience)
                counts.Add(slice.Counts);
        }

        return counts;
    }

    /// <summary>A waiter comes. Its number is one more than that of the last one.</summary>
    public void Enter(WaitingPlace place)
    {
        var now = time.GetTimestamp();
        if (time.GetElapsedTime(_slices[_newest].BegunAt, now) >= Step)
            Begin(place.Number, now);
        _slices[_newest].LastAt = now;
        _slices[_newest].Counts.Count(place, 1);
    }

    /// <summary>A waiter goes, or is counted anew because its standing changes: first out, then in again.</summary>
    /// <param name="place">Its place.</param>
    /// <param name="change">-1: it goes; 1: it is in again.</param>
    public void Change(WaitingPlace place, int change) => SliceOf(place.Number).Counts.Count(place, change);

    private void Begin(uint number, long now)
    {
        _newest = (_newest + 1) % _slices.Length;
        ref var slice = ref _slices[_newest];
        _long.Counts.Add(slice.Counts);
        slice = new() { First = number, BegunAt = now };
    }

    private ref Slice SliceOf(uint number)
    {
        for (var i = 0; i < _slices.Length; i++)
        {
            ref var slice = ref _slices[(_newest + _slices.Length - i) % _slices.Length];
            if ((int)(number - slice.First) >= 0)
                return ref slice;
        }

        return ref _long;
    }

    private struct Slice
    {
        public uint First;
        public long BegunAt;
        public long LastAt;
        public WaiterCounts Counts;
    }
}
