using SmtpShield.Clients;
using SmtpShield.Limits.Shared;

namespace SmtpShield.Limits;

/// <summary>
/// A part of the <see cref="AnvilTable"/>: a bounded hash table of <see cref="AnvilEntry"/>, and the order in which its idle entries
/// are forgotten. Not thread-safe: callers lock <see cref="Gate"/>.
/// </summary>
/// <remarks>
/// Entries lie in chunks that are never moved, so growing copies nothing; chains run through indices. There are two entries to a
/// bucket, which costs 2 octets each. Idle entries are linked in the order their last connections ended, which is both the order in which they expire and that
/// of their age. An entry that is over a limit when room is needed changes to a list of its own, so that each is looked at once: all work of an event is
/// bounded, but for doubling the buckets.
/// </remarks>
internal sealed class AnvilShard(AnvilHash hash, AnvilServices services, OverLimit isOverLimit, AnvilEntryEnded windowEnded)
{
    /// <summary>Entries of a chunk.</summary>
    public const int ChunkSize = 128;

    private const int FirstBuckets = 16;
    private const int EntriesPerBucket = 2;

    // Entries over a limit that one event moves out of the way. Room is then found by one of the next events, if there is any.
    private const int MovesPerEvent = 16;

    private AnvilEntry[][] _chunks = [];
    private int[] _buckets = [];
    private int _allocated;
    private int _used;
    private int _firstFree;
    private AnvilIdleList _idle;
    private AnvilIdleList _held;

    /// <summary>Locked by all callers.</summary>
    public Lock Gate { get; } = new();

    /// <summary>What is shared with other shields; null: nothing.</summary>
    public SharedShard? Shared { get; set; }

    /// <summary>Entries, expired ones that were not yet removed included.</summary>
    public int Count { get; private set; }

    /// <summary>Entries removed because they had expired.</summary>
    public long Expired { get; private set; }

    /// <summary>Entries removed before their time, because the room was needed.</summary>
    public long Evicted { get; private set; }

    /// <summary>Times no entry could be made.</summary>
    public long Refused { get; private set; }

    /// <summary>The entry at an index other than 0.</summary>
    public ref AnvilEntry At(int index) => ref _chunks[(index - 1) / ChunkSize][(index - 1) % ChunkSize];

    /// <summary>The index of a client's entry, expired or not; 0: it has none.</summary>
    public int Find(in ClientRange client, byte service, uint value)
    {
        if (_buckets.Length == 0)
            return 0;

        var index = _buckets[BucketOf(value)];
        while (index != 0 && !At(index).Is(client, service))
            index = At(index).Next;
        return index;
    }

    /// <summary>Copies a chunk's entries, free ones included, with what other shields count.</summary>
    /// <param name="chunk">Which, from 0.</param>
    /// <param name="entries">Takes them; of <see cref="ChunkSize"/>.</param>
    /// <param name="now">The second.</param>
    /// <param name="window">How rates are counted.</param>
    /// <returns>How many there are; 0: there is no such chunk.</returns>
    public int Copy(int chunk, Span<AnvilEntry> entries, int now, AnvilWindow window)
    {
        var count = CountIn(chunk);
        if (count > 0)
            _chunks[chunk].AsSpan(0, count).CopyTo(entries);
        for (var i = 0; i < count && Shared is not null; i++)
        {
            if (!entries[i].IsFree)
                entries[i] = CopyOf((chunk * ChunkSize) + i + 1, now, window);
        }

        return count;
    }

    /// <summary>How many entries a chunk has, free ones included; 0: there is no such chunk.</summary>
    public int CountIn(int chunk) => Math.Clamp(_used - (chunk * ChunkSize), 0, ChunkSize);

    /// <summary>Makes an entry for a client that has none, idle since now.</summary>
    /// <param name="client">The client.</param>
    /// <param name="service">Its service's number.</param>
    /// <param name="value">Its hash.</param>
    /// <param name="now">The second.</param>
    /// <param name="window">For what expires and what is over a limit.</param>
    /// <param name="capacity">Entries there may be, this one included. A table that is above it loses one with each that is added.</param>
    /// <returns>Its index; 0: all others are in use or over a limit.</returns>
    public int Add(in ClientRange client, byte service, uint value, int now, AnvilWindow window, int capacity)
    {
        // Two: also a shard that is above a capacity that was lowered gets there.
        RemoveExpired(now, window, atMost: 2);
        var hasRoom = Count < capacity;
        for (var i = 0; i < 2 && Count >= capacity; i++)
            hasRoom |= EvictOne(now, window);
        if (!hasRoom)
        {
            Refused++;
            return 0;
        }

        var index = TakeFree(capacity);
        GrowBuckets(capacity);
        ref var entry = ref At(index);
        entry = new AnvilEntry(client, service, now);
        ref var bucket = ref _buckets[BucketOf(value)];
        entry.Next = bucket;
        bucket = index;
        _idle.Append(this, index);
        Count++;
        return index;
    }

    /// <summary>One connection more at an entry.</summary>
    public void Enter(int index)
    {
        ref var entry = ref At(index);
        if (entry.IsIdle)
            Unlink(index);
        entry.Enter();
    }

    /// <summary>One connection less at an entry, if it has one.</summary>
    public void Leave(int index, int now)
    {
        ref var entry = ref At(index);
        if (entry.IsIdle)
            return;

        entry.Leave(now);
        if (entry.IsIdle)
            _idle.Append(this, index);
    }

    /// <summary>An idle entry is so since now: it is forgotten later.</summary>
    public void StayIdle(int index, int now)
    {
        Unlink(index);
        At(index).StayIdle(now);
        _idle.Append(this, index);
    }

    /// <summary>Starts an entry's next window if this one is over, which is told. It begins with that of other shields if they have one.</summary>
    public void Roll(int index, int now, AnvilWindow window)
    {
        ref var entry = ref At(index);
        if (!entry.IsOver(now, window))
            return;

        if (entry.HasWindow)
            windowEnded(entry);
        entry.Roll(now, window);
        if (Shared?.LiveStart(index, now, window) is { } start)
            entry.MoveWindow(start);
    }

    /// <summary>All that is counted of an entry's client, by other shields too. Roll first.</summary>
    public AnvilCounts Counts(int index, int now, AnvilWindow window)
    {
        if (Shared is null || !Shared.TryGet(index, now, window, out var others))
            return At(index).Counts(now, window);

        var all = At(index);
        all.Add(others);
        return all.Counts(now, window);
    }

    /// <summary>A copy of an entry as it is now, with what other shields count.</summary>
    public AnvilEntry CopyOf(int index, int now, AnvilWindow window)
    {
        var copy = At(index);
        if (Shared is null || !Shared.TryGet(index, now, window, out var others))
            return copy;

        copy.Roll(now, window);
        copy.Add(others);
        return copy;
    }

    /// <summary>Whether anvil would have deleted an entry, and other shields have nothing of its client.</summary>
    public bool IsExpired(int index, int now, AnvilWindow window) =>
        At(index).IsExpired(now, window.Unit) && (Shared is null || !Shared.Holds(index, now, window));

    /// <summary>Removes an entry that has expired.</summary>
    public void RemoveExpired(int index)
    {
        Remove(index);
        Expired++;
    }

    /// <summary>Removes entries that have expired, the oldest first.</summary>
    /// <param name="now">The second.</param>
    /// <param name="window">For how long an idle entry lives.</param>
    /// <param name="atMost">How many, those included that other shields have something of, which stay.</param>
    public void RemoveExpired(int now, AnvilWindow window, int atMost)
    {
        while (atMost > 0 && (RemoveIfExpired(_idle.Oldest, now, window) || RemoveIfExpired(_held.Oldest, now, window)))
            atMost--;
    }

    /// <summary>Gives back the memory of a flood when nothing is left of it.</summary>
    public void TrimIfEmpty()
    {
        if (Count > 0 || _chunks.Length <= 1)
            return;

        _chunks = [];
        _buckets = [];
        (_allocated, _used, _firstFree) = (0, 0, 0);
        Shared?.Clear();
    }

    private bool RemoveIfExpired(int index, int now, AnvilWindow window)
    {
        if (index == 0 || !At(index).IsExpired(now, window.Unit))
            return false;

        if (IsExpired(index, now, window))
            RemoveExpired(index);
        else
            StayIdle(index, now);
        return true;
    }

    // The oldest idle entry that is not over a limit. Those that were are asked again only at their oldest, whose window ends first or nearly so.
    private bool EvictOne(int now, AnvilWindow window)
    {
        for (var moves = 0; moves < MovesPerEvent && _idle.Oldest is > 0 and var oldest; moves++)
        {
            if (EvictIfWithinLimits(oldest, now, window))
                return true;

            _idle.Remove(this, oldest);
            At(oldest).IsHeld = true;
            _held.Append(this, oldest);
        }

        return _held.Oldest is > 0 and var held && EvictIfWithinLimits(held, now, window);
    }

    private bool EvictIfWithinLimits(int index, int now, AnvilWindow window)
    {
        Roll(index, now, window);
        if (isOverLimit(services.NameOf(At(index).Service), Counts(index, now, window)))
            return false;

        Remove(index);
        Evicted++;
        return true;
    }

    private void Remove(int index)
    {
        Unlink(index);
        Shared?.Forget(index);
        ref var entry = ref At(index);
        if (entry.HasWindow)
            windowEnded(entry);
        ref var link = ref _buckets[BucketOf(hash.Of(entry.Client, entry.Service))];
        while (link != index)
            link = ref At(link).Next;
        link = entry.Next;

        entry.Free();
        entry.Next = _firstFree;
        _firstFree = index;
        Count--;
    }

    private void Unlink(int index)
    {
        ref var entry = ref At(index);
        if (entry.IsHeld)
            _held.Remove(this, index);
        else
            _idle.Remove(this, index);
        entry.IsHeld = false;
    }

    private int TakeFree(int capacity)
    {
        if (_firstFree != 0)
        {
            var free = _firstFree;
            _firstFree = At(free).Next;
            return free;
        }

        if (_used == _allocated)
            Grow(capacity);
        return ++_used;
    }

    // The last chunk is cut to the capacity, and made longer when that is raised.
    private void Grow(int capacity)
    {
        var inLast = _allocated % ChunkSize;
        if (inLast == 0)
            Array.Resize(ref _chunks, _chunks.Length + 1);
        var length = inLast + Math.Min(ChunkSize - inLast, capacity - _allocated);
        Array.Resize(ref _chunks[^1], length);
        _allocated += length - inLast;
    }

    private void GrowBuckets(int capacity)
    {
        if (Count < EntriesPerBucket * _buckets.Length)
            return;

        var old = _buckets;
        _buckets = new int[Math.Max(FirstBuckets, Math.Min(2 * old.Length, capacity / EntriesPerBucket + 1))];
        foreach (var first in old)
        {
            for (var index = first; index != 0;)
            {
                ref var entry = ref At(index);
                var next = entry.Next;
                ref var bucket = ref _buckets[BucketOf(hash.Of(entry.Client, entry.Service))];
                entry.Next = bucket;
                bucket = index;
                index = next;
            }
        }
    }

    // The high bits choose the bucket, the low ones the shard.
    private int BucketOf(uint value) => (int)((ulong)value * (uint)_buckets.Length >> 32);
}
