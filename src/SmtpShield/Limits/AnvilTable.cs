using SmtpShield.Limits.Shared;
using SmtpShield.Options;

namespace SmtpShield.Limits;

/// <summary>
/// Counts events per service and client, as anvil(8) does: one record with one window for all rates of a client. The window is opened by the first event and
/// rolls when more than <c>anvil_rate_time_unit</c> has passed, in whole seconds; refused events are counted too. With
/// <c>shield_rate_window = sliding</c> a rate is an estimate over the last <c>anvil_rate_time_unit</c> instead. The table only counts: it knows no limit.
/// </summary>
/// <remarks>
/// <para>At most <c>shield_client_table_size</c> records, at no more than 116 octets each. When it is full, expired records go
/// first, then those of clients that have been away for the longest. Those with open connections or over a limit stay; if there are no others a new client is
/// not tracked, and so not limited, as Postfix does when it can't reach anvil.</para>
/// <para>Sharded, so that an event locks a small part of the table for some tens of nanoseconds; each shard has an equal share of
/// the size, so the first ones are full when the table is about 2 % below it. An event allocates nothing once its client has a record.</para>
/// </remarks>
internal sealed class AnvilTable
{
    private const int MaxShards = 64;

    // Fewer would make the shards' fill uneven.
    private const int MinShardCapacity = 4096;

    // Sweeping a shard after a flood does not keep its events waiting.
    private const int RemovedAtOnce = 250;

    private readonly AnvilShard[] _shards;
    private readonly AnvilHash _hash = new();
    private readonly AnvilServices _services = new();
    private readonly ShieldSnapshot _snapshot;
    private readonly AnvilClock _clock;
    private readonly AnvilStatistics _statistics;
    private int _size;

    /// <summary>Makes an empty table. Its shards are as many as its size asks for now; the size itself may change.</summary>
    public AnvilTable(ShieldSnapshot snapshot, TimeProvider time, OverLimit isOverLimit, AnvilStatistics statistics)
    {
        _snapshot = snapshot;
        _clock = new(time);
        _statistics = statistics;
        Deliveries = new(snapshot, time);
        History = new(() => snapshot.Current.Anvil.HistorySize);
        _shards = new AnvilShard[Math.Clamp(snapshot.Current.Anvil.ClientTableSize / MinShardCapacity, 1, MaxShards)];
        for (var i = 0; i < _shards.Length; i++)
            _shards[i] = new AnvilShard(_hash, _services, isOverLimit, EndWindow);
    }

    /// <summary>What clients have with the MTA now.</summary>
    public ClientsInFlight InFlight { get; } = new();

    /// <summary>What clients were refused lately.</summary>
    public ClientHistory History { get; }

    /// <summary>Whose mail the MTA has accepted, as clients and as ranges that are banned.</summary>
    public DeliveryBook Deliveries { get; }

    /// <summary>Whose mail the MTA has accepted.</summary>
    public DeliveringClients Delivering => Deliveries.Clients;

    /// <summary>Events that were to wait for what other shields count.</summary>
    public SharedWaitTotals SharedWaits { get; } = new();

    /// <summary>A client was refused something. Told on the thread of its session, which waits for it.</summary>
    public event Action<RuleHit>? Hit;

    /// <summary>A client's window is over. Those that last when the program ends are not told, nor what <see cref="Reset"/> has set to 0.</summary>
    public event WindowEnded? WindowEnded;

    /// <summary>A client is released. Told on the thread of who does it.</summary>
    public event Action<AnvilKey>? Released;

    /// <summary>A connection that was counted is over. Told on the thread of its session, which waits for it.</summary>
    public event Action<CountedConnection>? ConnectionEnded;

    /// <summary>
    /// Is told of what is counted here and not shared with other shields, with a part of the table locked, in the order in which it happens: who listens must
    /// not wait, nor ask the table.
    /// </summary>
    public AnvilFollower? Follower { get; set; }

    /// <summary>Records in the table, expired ones that were not yet removed included.</summary>
    public int Size => Volatile.Read(ref _size);

    /// <summary>Records removed because their clients left <c>anvil_rate_time_unit</c> ago or earlier.</summary>
    public long Expired => Sum(static shard => shard.Expired);

    /// <summary>Records of clients without connections that were removed earlier than that, because the table was full.</summary>
    public long Evicted => Sum(static shard => shard.Evicted);

    /// <summary>Events of clients that were not tracked, because nothing could be removed.</summary>
    public long Refused => Sum(static shard => shard.Refused);

    /// <summary>Counts a connection. Every connect is followed by one <see cref="Disconnect"/>, unless the client is not tracked.</summary>
    /// <returns>The client's counts, this connection included.</returns>
    public AnvilCounts Connect(in AnvilKey key) => Connect(key, mayWait: false, out _);

    /// <inheritdoc cref="Connect(in AnvilKey)"/>
    /// <param name="key">The client.</param>
    /// <param name="wait">What it is to wait for, if others are to be heard first; null: nothing.</param>
    public AnvilCounts Connect(in AnvilKey key, out SharedWait? wait) => Connect(key, mayWait: true, out wait);

    /// <summary>
    /// Counts an event of a client that is connected; without a record (the table has lost it) a connection is counted too, as anvil(8) does.
    /// </summary>
    /// <returns>The client's events of this kind in the current window, this one included; 1 when it is not tracked.</returns>
    public int Count(in AnvilKey key, AnvilEvent kind) => Count(key, kind, mayWait: false, out _);

    /// <inheritdoc cref="Count(in AnvilKey, AnvilEvent)"/>
    /// <param name="key">The client.</param>
    /// <param name="kind">The kind of event.</param>
    /// <param name="wait">What it is to wait for, if others are to be heard first; null: nothing.</param>
    public int Count(in AnvilKey key, AnvilEvent kind, out SharedWait? wait) => Count(key, kind, mayWait: true, out wait);

    private AnvilCounts Connect(in AnvilKey key, bool mayWait, out SharedWait? wait)
    {
        wait = null;
        AnvilCounts counts;
        var window = Window;
        var shard = Locate(key, out var service, out var hash);
        lock (shard.Gate)
        {
            var now = Now;
            var index = FindOrAdd(shard, key, service, hash, now, window, out _);
            if (index == 0)
                return new(1, 1) { IsUntracked = true };

            counts = CountConnection(shard, index, now, window);
            Tell(shard, index, key, AnvilEventCounts.Connections);
            if (mayWait)
                wait = Await(shard, index, counts, AnvilEventCounts.Connections, now, window);
        }

        _statistics.NoteConnection(key, counts);
        return counts;
    }

    private int Count(in AnvilKey key, AnvilEvent kind, bool mayWait, out SharedWait? wait)
    {
        wait = null;
        int count;
        var window = Window;
        var shard = Locate(key, out var service, out var hash);
        lock (shard.Gate)
        {
            var now = Now;
            var index = FindOrAdd(shard, key, service, hash, now, window, out var isNew);
            if (index == 0)
                return 1;

            if (isNew)
            {
                _statistics.NoteConnection(key, CountConnection(shard, index, now, window));
                Tell(shard, index, key, AnvilEventCounts.Connections);
            }

            var counts = CountEvent(shard, index, AnvilEventCounts.IndexOf(kind), now, window);
            Tell(shard, index, key, AnvilEventCounts.IndexOf(kind));
            count = counts.Of(kind);
            if (mayWait)
                wait = Await(shard, index, counts, AnvilEventCounts.IndexOf(kind), now, window);
        }

        _statistics.NoteEvent(key, kind, count);
        return count;
    }

    /// <summary>Counts the end of a connection; the record stays for one more <c>anvil_rate_time_unit</c>.</summary>
    public void Disconnect(in AnvilKey key)
    {
        var (isRefusedOpen, open) = (false, 0);
        var window = Window;
        var shard = Locate(key, out var service, out var hash);
        lock (shard.Gate)
        {
            var index = shard.Find(key.Client, service, hash);
            if (index == 0)
                return;

            var now = Now;
            shard.Leave(index, now);
            if (shard.Shared is { } shared && shared.IsShared(index))
                shared.Add(index, SharedTurn.Open);
            ref var entry = ref shard.At(index);
            if (isRefusedOpen = entry.IsRefusedOpen)
                (open, entry.IsRefusedOpen) = (shard.CopyOf(index, now, window).Open, !entry.IsIdle);
            Tell(shard, index, key, counted: -1);
        }

        if (isRefusedOpen)
            History.NoteOpen(key, open);
    }

    /// <summary>What this process has counted and other shields have not been told: every record, copied a few at a time.</summary>
    /// <param name="copied">Is told whose record was copied, before <see cref="Follower"/> is told anything that is not in it.</param>
    public IEnumerable<(string Service, AnvilEntry Entry)> Own(Action<AnvilKey> copied)
    {
        var entries = new List<AnvilEntry>(AnvilShard.ChunkSize);
        foreach (var shard in _shards)
        {
            for (var chunk = 0; ; chunk++)
            {
                entries.Clear();
                int count;
                lock (shard.Gate)
                {
                    count = shard.CountIn(chunk);
                    for (var index = (chunk * AnvilShard.ChunkSize) + 1; index <= (chunk * AnvilShard.ChunkSize) + count; index++)
                    {
                        if (shard.At(index).IsFree || shard.Shared?.IsShared(index) is true)
                            continue;
                        entries.Add(shard.At(index));
                        copied(new(_services.NameOf(entries[^1].Service), entries[^1].Client));
                    }
                }

                if (count == 0)
                    break;
                foreach (var entry in entries)
                    yield return (_services.NameOf(entry.Service), entry);
            }
        }
    }

    /// <summary>What an earlier process has counted of a client; its connections, too, end by <see cref="Disconnect"/>. Those idle the longest first.</summary>
    /// <param name="key">The client, which this process has not counted yet.</param>
    /// <param name="open">Connections that are open.</param>
    /// <param name="idleSince">The second since which none is, if none is.</param>
    /// <param name="windowStart">When its window began; <see cref="int.MinValue"/>: it has none.</param>
    /// <param name="current">What was counted in that.</param>
    /// <param name="previous">And in the one before.</param>
    public void Restore(
        in AnvilKey key, int open, int idleSince, int windowStart, in AnvilEventCounts current, in AnvilEventCounts previous)
    {
        var window = Window;
        if (open == 0 && Second >= (long)idleSince + window.Unit)
            return;
        var shard = Locate(key, out var service, out var hash);
        lock (shard.Gate)
        {
            var index = FindOrAdd(shard, key, service, hash, Now, window, out var isNew, isEvent: false);
            if (!isNew)
                return;
            shard.At(index).Restore(idleSince, windowStart, current, previous);
            for (var i = 0; i < open; i++)
                shard.Enter(index);
        }
    }

    /// <summary>Counts what another process of this shield has counted of a client since a hand-over. <see cref="Follower"/> is not told.</summary>
    /// <param name="key">The client.</param>
    /// <param name="counted">What was counted.</param>
    /// <param name="opened">Connections that are open there and are not counted here; they end by <see cref="Disconnect"/>.</param>
    public void CountElsewhere(in AnvilKey key, in AnvilEventCounts counted, int opened)
    {
        var window = Window;
        var shard = Locate(key, out var service, out var hash);
        lock (shard.Gate)
        {
            var now = Now;
            var index = FindOrAdd(shard, key, service, hash, now, window, out _, isEvent: false);
            if (index == 0)
                return;
            shard.Roll(index, now, window);
            shard.At(index).Add(counted);
            for (var i = 0; i < opened; i++)
                shard.Enter(index);
        }
    }

    /// <summary>Counts the end of a connection, as <see cref="Disconnect"/> does, and tells of it.</summary>
    public void End(in CountedConnection connection)
    {
        Disconnect(connection.Key);
        ConnectionEnded?.Invoke(connection);
    }

    /// <summary>What the table knows of a client, without counting anything.</summary>
    public AnvilCounts Peek(in AnvilKey key)
    {
        var window = Window;
        var shard = Locate(key, out var service, out var hash);
        lock (shard.Gate)
        {
            var now = Now;
            var index = shard.Find(key.Client, service, hash);
            if (index == 0 || shard.IsExpired(index, now, window))
                return default;

            var copy = shard.CopyOf(index, now, window);
            copy.Roll(now, window);
            return copy.Counts(now, window);
        }
    }

    /// <summary>What the table has of a client, to be looked at.</summary>
    /// <returns>Null: nothing.</returns>
    public AnvilRecord? Look(in AnvilKey key) => Look(key, out _);

    /// <inheritdoc cref="Look(in AnvilKey)"/>
    /// <param name="key">The client.</param>
    /// <param name="others">How much of it other shields count; null: nothing is heard of them, or nothing is shared.</param>
    public AnvilRecord? Look(in AnvilKey key, out OthersCounts? others)
    {
        others = null;
        var window = Window;
        var shard = Locate(key, out var service, out var hash);
        lock (shard.Gate)
        {
            var now = Now;
            var index = shard.Find(key.Client, service, hash);
            if (index == 0 || shard.IsExpired(index, now, window))
                return null;

            if (shard.Shared is { } shared && shared.IsShared(index) && shared.TryGet(index, now, window, out var their))
                others = new(their.AddedTo(default), now - their.HeardAt);
            return new(key.Service, shard.CopyOf(index, now, window), now, window);
        }
    }

    /// <summary>
    /// Sets all rates of a client to 0, as this shield counts them, and tells <see cref="Released"/>. Connections that are open stay counted, and so does what
    /// others count.
    /// </summary>
    /// <returns>What this shield had counted; null: no record.</returns>
    public AnvilRecord? Release(in AnvilKey key)
    {
        var before = Reset(key);
        if (before is not null || History.Of(key) is not null)
            Note(key, ClientEvent.OfRelease());
        Released?.Invoke(key);
        return before;
    }

    /// <summary>The same for a client that another shield has released, which tells nobody.</summary>
    public void ReleaseElsewhere(in AnvilKey key)
    {
        if (Reset(key) is not null)
            Note(key, ClientEvent.OfRelease());
    }

    /// <summary>
    /// Shows every record, a few at a time: a shard is locked only while <see cref="AnvilShard.ChunkSize"/> of its records are copied, so events go on
    /// meanwhile. Each record that is there all the time is shown once; of those that come or go meanwhile some are.
    /// </summary>
    /// <param name="visit">Looks at copies, on this thread, with nothing locked.</param>
    /// <param name="part">Which part of the table, from 0.</param>
    /// <param name="parts">Of how many, which together are all of it.</param>
    public void Scan(AnvilVisit visit, int part = 0, int parts = 1)
    {
        var window = Window;
        var entries = new AnvilEntry[AnvilShard.ChunkSize];
        for (var i = part; i < _shards.Length; i += parts)
        {
            var shard = _shards[i];
            for (var chunk = 0; ; chunk++)
            {
                int count, now;
                lock (shard.Gate)
                {
                    now = Now;
                    count = shard.Copy(chunk, entries, now, window);
                }

                if (count == 0)
                    break;
                visit(entries.AsSpan(0, count), now, window);
            }
        }
    }

    /// <summary>Begins to count with other shields: from here on what they count is part of all counts.</summary>
    /// <param name="map">Which client is counted in which partition of the stores.</param>
    /// <returns>The table's side of each partition.</returns>
    public IReadOnlyList<SharedTable> Share(StoreMap map)
    {
        SharedRules[] rules = [.. map.Partitions.Select(_ => new SharedRules(SharedWaits))];
        foreach (var shard in _shards)
        {
            lock (shard.Gate)
                shard.Shared = new(shard, map, rules);
        }

        return [.. rules.Select((its, partition) => new SharedTable(this, _shards, map, partition, its))];
    }

    /// <summary>Counts alone again, and forgets what other shields count.</summary>
    public void StopSharing()
    {
        foreach (var shard in _shards)
        {
            lock (shard.Gate)
            {
                shard.Shared?.LetGo();
                shard.Shared = null;
            }
        }
    }

    /// <summary>Milliseconds, of which <see cref="Second"/> is the whole seconds.</summary>
    public long Milliseconds => _clock.Milliseconds;

    /// <summary>How rates are counted now.</summary>
    public AnvilWindow Window => AnvilWindow.Of(_snapshot.Current.Anvil);

    /// <summary>The number of a service in records.</summary>
    public byte NumberOf(string service) => _services.NumberOf(service);

    /// <summary>The part of the table a client is in.</summary>
    public AnvilShard ShardOf(in AnvilKey key) => Locate(key, out _, out _);

    /// <summary>The record of a client, in a part of the table that is locked.</summary>
    /// <param name="shard"><see cref="ShardOf"/>.</param>
    /// <param name="key">The client.</param>
    /// <param name="isAdded">Whether a record without a window is made where there is none.</param>
    /// <returns>0: none.</returns>
    public int IndexOf(AnvilShard shard, in AnvilKey key, bool isAdded)
    {
        Locate(key, out var service, out var hash);
        if (!isAdded)
            return shard.Find(key.Client, service, hash);

        var index = FindOrAdd(shard, key, service, hash, Now, Window, out var isNew, isEvent: false);
        if (isNew)
            shard.At(index).CloseWindow();
        return index;
    }

    /// <summary>The name of a service, by its number in a record.</summary>
    public string ServiceOf(byte number) => _services.NameOf(number);

    /// <summary>The second it is, as records count.</summary>
    public int Second => Now;

    /// <summary>When a second begins, by the wall clock. Where that has been set since the start, by the clock as it is now.</summary>
    public DateTimeOffset TimeOf(int second) => _clock.TimeOf(second);

    /// <summary>The second, as records count, that begins then: the reverse of <see cref="TimeOf"/>.</summary>
    public int SecondOf(DateTimeOffset time) => _clock.SecondOf(time);

    /// <summary>Notes in a client's history what it was refused.</summary>
    public void Note(in AnvilKey key, in ClientEvent refusal) => History.Note(key, refusal with { Second = Now });

    /// <summary>Notes in it the reply by which the MTA has refused what was just noted.</summary>
    public void NoteReply(in AnvilKey key, ReadOnlySpan<byte> text) => History.NoteReply(key, text);

    /// <summary>Notes a refusal in a client's history, and tells <see cref="Hit"/>.</summary>
    public void NoteHit(in RuleHit hit)
    {
        var overEnd = hit.Event.Rule is { } limit ? OverEndOf(hit.Key, limit, hit.Event.Limit) : 0;
        History.Note(hit.Key, hit.Event with { Second = Now }, overEnd);
        Hit?.Invoke(hit);
    }

    /// <summary>
    /// Removes the records of clients that left <c>anvil_rate_time_unit</c> ago or earlier. Called now and then, so that the table
    /// does not keep what nobody asks for.
    /// </summary>
    public void RemoveExpired()
    {
        var window = Window;
        foreach (var shard in _shards)
        {
            bool more;
            do
            {
                lock (shard.Gate)
                {
                    var before = shard.Count;
                    shard.RemoveExpired(Now, window, RemovedAtOnce);
                    shard.TrimIfEmpty();
                    Interlocked.Add(ref _size, shard.Count - before);
                    more = before - shard.Count == RemovedAtOnce;
                }
            }
            while (more);
        }
    }

    // What ends the time in which a limit refuses a client something, as its record is now.
    private int OverEndOf(in AnvilKey key, ClientLimit limit, int value)
    {
        var window = Window;
        var shard = Locate(key, out var service, out var hash);
        AnvilRecord record;
        lock (shard.Gate)
        {
            var index = shard.Find(key.Client, service, hash);
            if (index == 0)
                return 0;

            var now = Now;
            record = new(key.Service, shard.CopyOf(index, now, window), now, window);
            if (limit.IsOnOpenConnections && record.Counts.ConnectionCount >= value)
                shard.At(index).IsRefusedOpen = true;
        }

        return !limit.IsOnOpenConnections ? record.FirstSecondWithin(limit, value) : record.Counts.ConnectionCount >= value ? value : 0;
    }

    private AnvilRecord? Reset(in AnvilKey key)
    {
        var window = Window;
        var shard = Locate(key, out var service, out var hash);
        lock (shard.Gate)
        {
            var now = Now;
            var index = shard.Find(key.Client, service, hash);
            if (index == 0 || shard.IsExpired(index, now, window))
                return null;

            var before = new AnvilRecord(key.Service, shard.At(index), now, window);
            shard.At(index).Reset();
            if (shard.Shared is { } shared && shared.IsShared(index))
                shared.Add(index, SharedTurn.Open);
            return before;
        }
    }

    private void Tell(AnvilShard shard, int index, in AnvilKey key, int counted)
    {
        if (Follower is { } follower && shard.Shared?.IsShared(index) is not true)
            follower(key, counted, shard.At(index).Open);
    }

    private static AnvilCounts CountConnection(AnvilShard shard, int index, int now, AnvilWindow window)
    {
        shard.Enter(index);
        shard.Roll(index, now, window);
        shard.At(index).Count(AnvilEventCounts.Connections, now, window);
        var counts = shard.Counts(index, now, window);
        shard.Shared?.NoteChange(index, counts, isOpenChanged: true);
        return counts;
    }

    private static AnvilCounts CountEvent(AnvilShard shard, int index, int kind, int now, AnvilWindow window)
    {
        shard.Roll(index, now, window);
        shard.At(index).Count(kind, now, window);
        var counts = shard.Counts(index, now, window);
        shard.Shared?.NoteChange(index, counts, isOpenChanged: false);
        return counts;
    }

    private SharedWait? Await(AnvilShard shard, int index, in AnvilCounts known, int kind, int now, AnvilWindow window) =>
        shard.Shared?.Await(index, shard.At(index).Counts(now, window), known, kind, Milliseconds);

    private void EndWindow(in AnvilEntry entry) =>
        WindowEnded?.Invoke(_services.NameOf(entry.Service), entry.Client, entry.Current, entry.WindowStart);

    private int Now => _clock.Second;

    private AnvilShard Locate(in AnvilKey key, out byte service, out uint hash)
    {
        service = _services.NumberOf(key.Service);
        hash = _hash.Of(key.Client, service);
        return _shards[hash % (uint)_shards.Length];
    }

    // 0: not tracked. The statistics hear of what anvil would have counted only.
    private int FindOrAdd(
        AnvilShard shard, in AnvilKey key, byte service, uint hash, int now, AnvilWindow window, out bool isNew, bool isEvent = true)
    {
        isNew = false;
        var before = shard.Count;
        var index = shard.Find(key.Client, service, hash);
        if (index != 0 && !shard.IsExpired(index, now, window))
            return index;

        if (index != 0)
            shard.RemoveExpired(index);
        index = shard.Add(key.Client, service, hash, now, window, _snapshot.Current.Anvil.ClientTableSize / _shards.Length);
        isNew = index != 0;
        var size = Interlocked.Add(ref _size, shard.Count - before);
        if (isNew && isEvent)
            _statistics.NoteSize(size, key);
        return index;
    }

    private long Sum(Func<AnvilShard, long> of)
    {
        var sum = 0L;
        foreach (var shard in _shards)
        {
            lock (shard.Gate)
                sum += of(shard);
        }

        return sum;
    }
}
