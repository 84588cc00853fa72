namespace SmtpShield.Baseline;

/// <summary>One day's counts at a service: a histogram for each <see cref="ObservedLimit"/> and <see cref="ClientClass"/>, in 62 KB.</summary>
/// <remarks>To count one is two atomic operations at most; it waits for nothing.</remarks>
internal sealed class BaselineDay
{
    private const int Classes = (int)ClientClass.Other + 1;

    private static readonly int s_histograms = ObservedLimit.All.Count * Classes;

    private readonly uint[] _buckets = new uint[s_histograms * LogLinear.Count];
    private readonly int[] _largest = new int[s_histograms];
    private long _label = -1;

    /// <summary>Whether it has the counts of a day, in windows of this length.</summary>
    public bool Is(long day, int unit) => Volatile.Read(ref _label) == Label(day, unit);

    /// <summary>It begins anew, for this day. Not to be called by two at a time; what others count meanwhile may be lost.</summary>
    public void Begin(long day, int unit)
    {
        Array.Clear(_buckets);
        Array.Clear(_largest);
        Volatile.Write(ref _label, Label(day, unit));
    }

    /// <summary>Counts a value.</summary>
    /// <param name="limit">The limit's place among <see cref="ObservedLimit.All"/>.</param>
    /// <param name="whose">Whose it is.</param>
    /// <param name="value">At least 0.</param>
    public void Add(int limit, ClientClass whose, int value)
    {
        Interlocked.Increment(ref _buckets[Place(limit, whose) * LogLinear.Count + LogLinear.IndexOf(value)]);
        NoteLargest(limit, whose, value);
    }

    /// <summary>What was counted before a restart is added.</summary>
    public void Restore(int limit, ClientClass whose, int bucket, uint count) =>
        Interlocked.Add(ref _buckets[Place(limit, whose) * LogLinear.Count + bucket], count);

    /// <summary>A value that may be the largest.</summary>
    public void NoteLargest(int limit, ClientClass whose, int value)
    {
        ref var largest = ref _largest[Place(limit, whose)];
        for (var seen = Volatile.Read(ref largest); value > seen;)
        {
            var before = Interlocked.CompareExchange(ref largest, value, seen);
            if (before == seen)
                return;
            seen = before;
        }
    }

    /// <summary>How many values there are in each bucket.</summary>
    public ReadOnlySpan<uint> Buckets(int limit, ClientClass whose) => _buckets.AsSpan(Place(limit, whose) * LogLinear.Count, LogLinear.Count);

    /// <summary>The largest value; 0: none is above it.</summary>
    public int Largest(int limit, ClientClass whose) => Volatile.Read(ref _largest[Place(limit, whose)]);

    private static int Place(int limit, ClientClass whose) => (limit * Classes) + (int)whose;

    private static long Label(long day, int unit) => (day << 32) | (uint)unit;
}
