using System.Runtime.InteropServices;
using SmtpShield.Configuration;

namespace SmtpShield.Limits;

/// <summary>
/// Counts events per service and client, as anvil(8) does: one record with one window for all rates of a client. The window is opened by the first event and
/// rolls when more than <c>anvil_rate_time_unit</c> has passed, in whole seconds; refused events are counted too. The table only counts: it knows no limit.
/// </summary>
/// <remarks>Sharded, so that an event locks 1/64 of the table for some tens of nanoseconds; an event allocates nothing once its client has a record.</remarks>
internal sealed class AnvilTable
{
    private const int ShardCount = 64;

    private readonly Dictionary<AnvilKey, Record>[] _shards = new Dictionary<AnvilKey, Record>[ShardCount];
    private readonly ShieldSnapshot _snapshot;
    private readonly TimeProvider _time;
    private readonly long _startTimestamp;
    private readonly double _startSeconds;

    /// <summary>Makes an empty table.</summary>
    public AnvilTable(ShieldSnapshot snapshot, TimeProvider time)
    {
        _snapshot = snapshot;
        _time = time;
        _startTimestamp = time.GetTimestamp();
        _startSeconds = time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;
        for (var i = 0; i < ShardCount; i++)
            _shards[i] = [];
    }

    /// <summary>Records in the table, expired ones that were not yet removed included.</summary>
    public int Size
    {
        get
        {
            var size = 0;
            foreach (var shard in _shards)
            {
                lock (shard)
                    size += shard.Count;
            }

            return size;
        }
    }

    /// <summary>Counts a connection. Every connect is followed by one <see cref="Disconnect"/>.</summary>
    /// <returns>The client's counts, this connection included.</returns>
    public AnvilCounts Connect(in AnvilKey key)
    {
        var now = Now;
        var unit = Unit;
        var shard = ShardOf(key);
        lock (shard)
        {
            ref var record = ref CollectionsMarshal.GetValueRefOrAddDefault(shard, key, out var exists);
            if (!exists || record.IsExpired(now, unit))
                record = new() { Start = now };
            record.Roll(now, unit);
            record.Rate++;
            record.Count++;
            return new(record.Count, record.Rate);
        }
    }

    /// <summary>Counts an event of a client that is connected; without a record (the table has lost it) a connection is counted too, as anvil(8) does.</summary>
    /// <returns>The client's events of this kind in the current window, this one included.</returns>
    public int Count(in AnvilKey key, AnvilEvent kind)
    {
        var now = Now;
        var unit = Unit;
        var shard = ShardOf(key);
        lock (shard)
        {
            ref var record = ref CollectionsMarshal.GetValueRefOrAddDefault(shard, key, out var exists);
            if (!exists || record.IsExpired(now, unit))
                record = new() { Start = now, Rate = 1, Count = 1 };
            record.Roll(now, unit);
            return ++record.Events[(int)kind];
        }
    }

    /// <summary>Counts the end of a connection; the record stays for one more <c>anvil_rate_time_unit</c>.</summary>
    public void Disconnect(in AnvilKey key)
    {
        var now = Now;
        var shard = ShardOf(key);
        lock (shard)
        {
            ref var record = ref CollectionsMarshal.GetValueRefOrNullRef(shard, key);
            if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref record) || record.Count == 0)
                return;

            record.Count--;
            record.LastDisconnect = now;
        }
    }

    /// <summary>What the table knows of a client, without counting anything.</summary>
    public AnvilCounts Peek(in AnvilKey key)
    {
        var shard = ShardOf(key);
        lock (shard)
        {
            return shard.TryGetValue(key, out var record) && !record.IsExpired(Now, Unit)
                ? new(record.Count, Now > record.Start + Unit ? 0 : record.Rate)
                : default;
        }
    }

    /// <summary>A client's events of a kind in the current window; counts nothing.</summary>
    public int Peek(in AnvilKey key, AnvilEvent kind)
    {
        var shard = ShardOf(key);
        lock (shard)
            return shard.TryGetValue(key, out var record) && !record.IsExpired(Now, Unit) && Now <= record.Start + Unit ? record.Events[(int)kind] : 0;
    }

    /// <summary>Removes the records of clients that left <c>anvil_rate_time_unit</c> ago or earlier. Called now and then, so that the table does not keep what nobody asks for.</summary>
    public void RemoveExpired()
    {
        var now = Now;
        var unit = Unit;
        foreach (var shard in _shards)
        {
            lock (shard)
            {
                // Removing during enumeration is allowed for Dictionary and does not disturb it.
                foreach (var (key, record) in shard)
                {
                    if (record.IsExpired(now, unit))
                        shard.Remove(key);
                }
            }
        }
    }

    // Whole seconds, as anvil counts them, in step with the wall clock's seconds at start but not moved when somebody sets that clock.
    private long Now => (long)(_startSeconds + _time.GetElapsedTime(_startTimestamp).TotalSeconds);

    private long Unit => (long)_snapshot.Current.Anvil.RateTimeUnit.TotalSeconds;

    private Dictionary<AnvilKey, Record> ShardOf(in AnvilKey key) => _shards[(uint)key.GetHashCode() % ShardCount];

    private struct Record
    {
        public long Start;
        public long LastDisconnect;
        public int Count;
        public int Rate;
        public EventCounts Events;

        // At the unit, not above it as the window: anvil's timer fires in that second, before the event that finds the record (events.c).
        public readonly bool IsExpired(long now, long unit) => Count == 0 && now >= LastDisconnect + unit;

        public void Roll(long now, long unit)
        {
            if (now <= Start + unit)
                return;

            Rate = 0;
            Events = default;
            Start = now;
        }
    }

    [System.Runtime.CompilerServices.InlineArray(6)]
    private struct EventCounts
    {
        private int _first;
    }
}
