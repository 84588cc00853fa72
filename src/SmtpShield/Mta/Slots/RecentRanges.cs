using SmtpShield.Clients;
using SmtpShield.Limits;

namespace SmtpShield.Mta.Slots;

/// <summary>
/// A bounded table of ranges by when they were noted last: the one for which that is the longest ago goes first. An entry has 24 octets, and 2 for its
/// bucket; the table is doubled when it is full, up to its bound, and stays.
/// </summary>
/// <remarks>
/// Not thread-safe: the owner locks. A range is known by 64 bits of a hash that is drawn anew in each process: two given ones meet with probability 2^-64,
/// whoever chose them. Each step is O(1), but for doubling the table.
/// </remarks>
/// <param name="capacity">Entries there may be: a power of two, <see cref="LargestCapacity"/> at most.</param>
internal sealed class RecentRanges(int capacity = RecentRanges.LargestCapacity)
{
    /// <summary>As many as 16 bits tell apart.</summary>
    public const int LargestCapacity = ushort.MaxValue + 1;

    private const int FirstCapacity = 256;
    private const int PerBucket = 2;
    private const int None = -1;

    private readonly AnvilHash _high = new();
    private readonly AnvilHash _low = new();
    private RecentRange[] _entries = [];

    // The index of the first entry of each, plus 1; 0: it is empty. The last one of a chain is its own next one, as 0 is an index.
    private int[] _buckets = [];
    private int _oldest = None;

    /// <summary>Ranges there are.</summary>
    public int Count { get; private set; }

    /// <summary>An entry.</summary>
    public ref RecentRange At(int index) => ref _entries[index];

    /// <summary>The index of a range's entry, until the next <see cref="Note"/>.</summary>
    /// <returns>False: it has none.</returns>
    public bool TryFind(in ClientRange range, out int index)
    {
        index = Find(KeyOf(range));
        return index != None;
    }

    /// <summary>The index of a range's entry, which is made if there is none, and is the newest one from now on.</summary>
    public int Note(in ClientRange range)
    {
        var key = KeyOf(range);
        var index = Find(key);
        if (index != None)
        {
            Unlink(index);
        }
        else
        {
            index = TakeFree();
            _entries[index] = new(key);
            Chain(index);
        }

        Append(index);
        return index;
    }

    private int Find(ulong key)
    {
        if (Count == 0)
            return None;

        for (var next = BucketOf(key) - 1; next != None;)
        {
            ref var entry = ref _entries[next];
            if (entry.Key == key)
                return next;
            next = entry.Next == next ? None : entry.Next;
        }

        return None;
    }

    private int TakeFree()
    {
        if (Count == capacity)
        {
            var oldest = _oldest;
            Unchain(oldest);
            Unlink(oldest);
            return oldest;
        }

        if (Count == _entries.Length)
            Grow();
        return Count++;
    }

    private void Grow()
    {
        Array.Resize(ref _entries, Math.Min(capacity, Math.Max(FirstCapacity, 2 * Count)));
        _buckets = new int[Math.Max(1, _entries.Length / PerBucket)];
        for (var index = 0; index < Count; index++)
            Chain(index);
    }

    private void Chain(int index)
    {
        ref var bucket = ref BucketOf(_entries[index].Key);
        _entries[index].Next = (ushort)(bucket == 0 ? index : bucket - 1);
        bucket = index + 1;
    }

    private void Unchain(int index)
    {
        ref var bucket = ref BucketOf(_entries[index].Key);
        var isLast = _entries[index].Next == index;
        if (bucket == index + 1)
        {
            bucket = isLast ? 0 : _entries[index].Next + 1;
            return;
        }

        var before = bucket - 1;
        while (_entries[before].Next != index)
            before = _entries[before].Next;
        _entries[before].Next = isLast ? (ushort)before : _entries[index].Next;
    }

    // All are in a ring, the newest one before the oldest.
    private void Append(int index)
    {
        if (_oldest == None)
        {
            (_entries[index].Older, _entries[index].Newer) = ((ushort)index, (ushort)index);
            _oldest = index;
            return;
        }

        var newest = _entries[_oldest].Older;
        (_entries[index].Older, _entries[index].Newer) = (newest, (ushort)_oldest);
        _entries[newest].Newer = (ushort)index;
        _entries[_oldest].Older = (ushort)index;
    }

    private void Unlink(int index)
    {
        var (older, newer) = (_entries[index].Older, _entries[index].Newer);
        (_entries[older].Newer, _entries[newer].Older) = (newer, older);
        if (index == _oldest)
            _oldest = newer == index ? None : newer;
    }

    private ulong KeyOf(in ClientRange range) => ((ulong)_high.Of(range, 0) << 32) | _low.Of(range, 0);

    private ref int BucketOf(ulong key) => ref _buckets[key % (uint)_buckets.Length];
}
