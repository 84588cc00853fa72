using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>
/// What a part of the table keeps for sharing: which of its records are to be reported, and what others count of them. Used with the shard locked.
/// </summary>
/// <remarks>8 octets for each record, 72 more for one others have something of, and 4 for each that waits to be reported.</remarks>
/// <param name="shard">The part.</param>
/// <param name="map">Which client is counted in which partition of the stores.</param>
/// <param name="rules">What is shared over each partition.</param>
internal sealed class SharedShard(AnvilShard shard, StoreMap map, IReadOnlyList<SharedRules> rules)
{
    private static readonly int s_turns = Enum.GetValues<SharedTurn>().Length;

    // By the record, the last one first.
    private readonly Dictionary<int, SharedWait> _waits = [];
    // By partition and turn; null: nothing has waited there yet.
    private readonly Queue<int>?[] _waiting = new Queue<int>?[rules.Count * s_turns];
    private Slot[][] _slots = [];
    private OthersRecord[][] _others = [];
    private int _used;
    private int _firstFree;

    /// <summary>Records that are to be reported to a partition.</summary>
    public int BacklogOf(int partition)
    {
        var backlog = 0;
        foreach (var queue in _waiting.AsSpan(partition * s_turns, s_turns))
            backlog += queue?.Count ?? 0;
        return backlog;
    }

    /// <summary>Which partition a record is counted in.</summary>
    public int PartitionOf(int index)
    {
        if (rules.Count == 1)
            return 0;

        ref var slot = ref SlotOf(index);
        if (slot.PartitionPlusOne == 0)
            slot.PartitionPlusOne = (ushort)(map.PartitionOf(shard.At(index).Client) + 1);
        return slot.PartitionPlusOne - 1;
    }

    /// <summary>Whether a record is one of a service that is shared.</summary>
    public bool IsShared(int index) => RulesOf(index)[shard.At(index).Service] is not null;

    /// <summary>Whether others have something of a client: it must be looked at before its record is forgotten.</summary>
    public bool Holds(int index, int now, AnvilWindow window) =>
        SlotOf(index).Others is > 0 and var others && (OthersAt(others).IsLive(now, window) || (OthersAt(others).Open > 0 && RulesOf(index).KnowsOpen));

    /// <summary>What others count of a client.</summary>
    /// <returns>Whether they have anything.</returns>
    public bool TryGet(int index, int now, AnvilWindow window, out OthersRecord others)
    {
        others = default;
        if (SlotOf(index).Others is not (> 0 and var at))
            return false;

        others = OthersAt(at);
        others.Roll(now, window);
        if (!RulesOf(index).KnowsOpen)
            others.Open = 0;
        return true;
    }

    /// <summary>Notes that a record has changed.</summary>
    /// <param name="index">The record.</param>
    /// <param name="counts">What all shields count of its client.</param>
    /// <param name="isOpenChanged">Whether connections have changed.</param>
    public void NoteChange(int index, in AnvilCounts counts, bool isOpenChanged)
    {
        var its = RulesOf(index);
        if (its[shard.At(index).Service] is not { } limits)
            return;

        Add(index, limits.TurnOf(counts, isOpenChanged));
        if (limits.Mode is SharingMode.Near)
            its.Hurry.Set();
    }

    /// <summary>An event that was counted waits for what others count, if the mode of its service asks for it and the store answers.</summary>
    /// <param name="index">The record, which has changed.</param>
    /// <param name="own">What this shield counts of its client.</param>
    /// <param name="known">What all do, as far as it is known.</param>
    /// <param name="kind">The event's index among rates.</param>
    /// <param name="since">The table's milliseconds.</param>
    /// <returns>Null: it does not.</returns>
    public SharedWait? Await(int index, in AnvilCounts own, in AnvilCounts known, int kind, long since)
    {
        ref var entry = ref shard.At(index);
        var its = RulesOf(index);
        if (its[entry.Service] is not { } limits || !limits.IsAwaited(known, kind))
            return null;

        if (!its.IsAnswered)
        {
            its.Waits.AddAway();
            return null;
        }

        var wait = new SharedWait(own, known, entry.WindowStart, since, its.Waits) { Earlier = _waits.GetValueOrDefault(index) };
        _waits[index] = wait;
        Add(index, SharedTurn.Awaited);
        its.Hurry.Set();
        return wait;
    }

    /// <summary>Takes who waits for a record: what is reported of it now has their events.</summary>
    /// <returns>The last one; null: nobody.</returns>
    public SharedWait? TakeWaits(int index)
    {
        _waits.Remove(index, out var wait);
        return wait;
    }

    /// <summary>Nobody waits any more for records of a partition.</summary>
    public void LetGo(int partition)
    {
        foreach (var index in _waits.Keys)
        {
            if (PartitionOf(index) == partition)
                LetGo(TakeWaits(index));
        }
    }

    /// <summary>Nobody waits any more.</summary>
    public void LetGo()
    {
        foreach (var last in _waits.Values)
            LetGo(last);
        _waits.Clear();
    }

    /// <summary>Those that wait for a record do so no more.</summary>
    /// <param name="last">The last one; null: there is none.</param>
    public static void LetGo(SharedWait? last)
    {
        for (var wait = last; wait is not null; wait = wait.Earlier)
            wait.LetGo();
    }

    /// <summary>A record is to be reported.</summary>
    public void Add(int index, SharedTurn turn)
    {
        ref var slot = ref SlotOf(index);
        var flag = (byte)(1 << (int)turn);
        if ((slot.Waiting & flag) != 0)
            return;

        slot.Waiting |= flag;
        (_waiting[(PartitionOf(index) * s_turns) + (int)turn] ??= new()).Enqueue(index);
    }

    /// <summary>Takes the next record that is to be reported to a partition.</summary>
    /// <returns>0: there is none.</returns>
    public int Take(int partition, SharedTurn turn)
    {
        var flag = (byte)(1 << (int)turn);
        while (_waiting[(partition * s_turns) + (int)turn] is { } queue && queue.TryDequeue(out var index))
        {
            // The client that waited may have gone, and another one, of another partition, have its place.
            ref var slot = ref SlotOf(index);
            if ((slot.Waiting & flag) == 0 || PartitionOf(index) != partition)
                continue;

            // What is reported now is all there is, whatever else it waits for.
            slot.Waiting = 0;
            return index;
        }

        return 0;
    }

    /// <summary>Takes what the store has said of a client.</summary>
    /// <param name="index">Its record.</param>
    /// <param name="report">What was reported; null: it is news.</param>
    /// <param name="counts">What the store has said.</param>
    /// <param name="start">The second its window began in; <see cref="int.MinValue"/>: there is none.</param>
    /// <param name="now">The second.</param>
    /// <param name="window">How rates are counted.</param>
    /// <remarks>Windows are moved so that all shields have the same; nothing here opens one or ends one: only events do.</remarks>
    public void Apply(int index, in ClientReport? report, in SharedCounts counts, int start, int now, AnvilWindow window)
    {
        ref var entry = ref shard.At(index);
        var others = new OthersRecord(counts, start, now);
        others.Roll(now, window);
        var isOfAnother = false;
        if (others.Start != int.MinValue && entry.HasWindow && !entry.IsOver(now, window))
        {
            var later = others.Start - entry.WindowStart;
            if (later > 1 && report is null)
            {
                Add(index, SharedTurn.Open);
                return;
            }

            if (later > 1 && entry.WindowStart == report!.Value.WindowStart)
            {
                // What was reported belonged to the window before.
                isOfAnother = true;
                entry.Deduct(report.Value.Counts.Rates);
                entry.MoveWindow(others.Start);
            }
            else if (later > 1)
            {
                // The own window has begun since the report: what the store has said is of another one.
                isOfAnother = true;
                others = new(counts with { Age = SharedCounts.NoWindow }, int.MinValue, now);
            }
            else if (later < 0)
            {
                entry.MoveWindow(others.Start);
            }
        }

        Set(index, others);
        if (report is { Waits: { } waits } && !isOfAnother)
            Answer(waits, others, report.Value.WindowStart);
        if (entry.IsIdle && !others.IsEmpty)
            shard.StayIdle(index, now);
    }

    /// <summary>When the window began that others have opened and that is not over.</summary>
    /// <returns>Null: there is none.</returns>
    public int? LiveStart(int index, int now, AnvilWindow window) =>
        TryGet(index, now, window, out var others) && others.Start != int.MinValue ? others.Start : null;

    /// <summary>A record is nobody's any more.</summary>
    public void Forget(int index)
    {
        LetGo(TakeWaits(index));
        ref var slot = ref SlotOf(index);
        if (slot.Others > 0)
            Free(slot.Others);
        slot = default;
    }

    /// <summary>All records have gone.</summary>
    public void Clear()
    {
        LetGo();
        Array.Clear(_waiting);
        (_slots, _others, _used, _firstFree) = ([], [], 0, 0);
    }

    private static void Answer(SharedWait last, in OthersRecord others, int reported)
    {
        for (var wait = last; wait is not null; wait = wait.Earlier)
            wait.Answer(others, reported);
    }

    private void Set(int index, in OthersRecord others)
    {
        ref var slot = ref SlotOf(index);
        if (others.IsEmpty)
        {
            if (slot.Others > 0)
                Free(slot.Others);
            slot.Others = 0;
            return;
        }

        if (slot.Others == 0)
            slot.Others = TakeFree();
        OthersAt(slot.Others) = others;
    }

    private SharedRules RulesOf(int index) => rules[PartitionOf(index)];

    private ref Slot SlotOf(int index)
    {
        var chunk = (index - 1) / AnvilShard.ChunkSize;
        if (chunk >= _slots.Length)
            Grow(ref _slots, chunk + 1);
        return ref _slots[chunk][(index - 1) % AnvilShard.ChunkSize];
    }

    private ref OthersRecord OthersAt(int at) => ref _others[(at - 1) / AnvilShard.ChunkSize][(at - 1) % AnvilShard.ChunkSize];

    private int TakeFree()
    {
        if (_firstFree != 0)
        {
            var free = _firstFree;
            _firstFree = OthersAt(free).NextFree;
            return free;
        }

        if (_used == _others.Length * AnvilShard.ChunkSize)
            Grow(ref _others, _others.Length + 1);
        return ++_used;
    }

    private void Free(int at)
    {
        OthersAt(at) = default;
        OthersAt(at).NextFree = _firstFree;
        _firstFree = at;
    }

    private static void Grow<T>(ref T[][] chunks, int count)
    {
        var from = chunks.Length;
        Array.Resize(ref chunks, count);
        for (var i = from; i < count; i++)
            chunks[i] = new T[AnvilShard.ChunkSize];
    }

    private struct Slot
    {
        public int Others;
        public ushort PartitionPlusOne;
        public byte Waiting;
    }
}
