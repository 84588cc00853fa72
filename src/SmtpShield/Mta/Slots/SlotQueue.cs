namespace SmtpShield.Mta.Slots;

/// <summary>
/// Who waits for a session of one destination, and who gets the next one: known good clients before unknown ones before bad ones, but after
/// <see cref="GrantsAbove"/> to those above somebody who waits below gets one; among those of one class the range that holds fewest, of these the one whose
/// oldest waiter came first.
/// </summary>
/// <remarks>Not thread-safe: the owner locks. It judges and keeps the order; how many sessions there are, its owner knows.</remarks>
/// <param name="time">The clock.</param>
internal sealed class SlotQueue(TimeProvider time)
{
    /// <summary>Grants in a row to those above somebody who waits.</summary>
    public const int GrantsAbove = 4;

    private readonly RangeHeap[] _heaps = [new(ClientStanding.Exempt), new(ClientStanding.Good), new(ClientStanding.Unknown), new(ClientStanding.Bad)];
    private readonly LongWaits _longWaits = new(time);

    private WaiterCounts _counts;
    private uint _nextNumber;
    private int _others;
    private int _goodInARow;
    private int _unknownInARow;

    /// <summary>How many wait.</summary>
    public WaiterCounts Counts => _counts;

    /// <summary>How many have waited for <see cref="LongWaits.Patience"/>.</summary>
    public WaiterCounts CountLong() => _longWaits.Count();

    /// <summary>Appends a waiter.</summary>
    public void Append(WaitingPlace place, SlotRange range, ClientStanding standing)
    {
        place.Number = _nextNumber++;
        (place.Range, place.Standing) = (range, standing);
        Link(place, range, standing);
        Count(place, 1);
        _longWaits.Enter(place);
    }

    /// <summary>Takes a waiter out.</summary>
    public void Remove(WaitingPlace place)
    {
        _longWaits.Change(place, -1);
        Count(place, -1);
        Unlink(place, place.Range!);
        place.Range = null;
    }

    /// <summary>
    /// The waiters of a range whose standing was <paramref name="from"/> are <paramref name="to"/> from now on, and keep the order in which they came.
    /// </summary>
    public void Move(SlotRange range, ClientStanding from, ClientStanding to)
    {
        while (range.Oldest[(int)from] is { } place)
        {
            Unlink(place, range);
            _longWaits.Change(place, -1);
            Count(place, -1);
            place.Standing = to;
            Link(place, range, to);
            _longWaits.Change(place, 1);
            Count(place, 1);
        }
    }

    /// <summary>A range holds more or fewer than before.</summary>
    public void NoteHeld(SlotRange range)
    {
        foreach (var heap in _heaps)
            heap.Update(range);
    }

    /// <summary>Who is to have the next session.</summary>
    /// <param name="room">What is free.</param>
    /// <returns>Null: nobody may have one.</returns>
    public WaitingPlace? Next(in SlotRoom room)
    {
        var good = FirstGood(room);
        // Those below have their turn also when what is free is the reserve: it is there for known good clients to come in at all, and they do.
        var isTurn = good is not null && _goodInARow >= GrantsAbove;
        var others = FirstOther(isTurn && room.MayOthersTakeTurn ? Math.Max(1, room.ForOthers) : room.ForOthers, room);
        return others is not null && (good is null || isTurn) ? others : good;
    }

    /// <summary>A session was given to somebody.</summary>
    /// <param name="standing">What it is known for.</param>
    public void NoteGrant(ClientStanding standing)
    {
        if (IsGood(standing))
        {
            _goodInARow = _others > 0 ? Math.Min(_goodInARow + 1, GrantsAbove) : 0;
            return;
        }

        _goodInARow = 0;
        _unknownInARow = standing == ClientStanding.Unknown && _heaps[(int)ClientStanding.Bad].Count > 0 ? Math.Min(_unknownInARow + 1, GrantsAbove) : 0;
    }

    /// <summary>Whether a standing is of the class of known good clients.</summary>
    public static bool IsGood(ClientStanding standing) => standing <= ClientStanding.Good;

    private WaitingPlace? FirstGood(in SlotRoom room)
    {
        var exempt = First(ClientStanding.Exempt, room.Free, room);
        var good = First(ClientStanding.Good, room.Free, room);
        if (exempt is null || good is null)
            return exempt ?? good;

        var (exemptHeld, goodHeld) = (exempt.Range!.Held, good.Range!.Held);
        return exemptHeld < goodHeld || (exemptHeld == goodHeld && exempt.IsOlderThan(good)) ? exempt : good;
    }

    private WaitingPlace? FirstOther(int free, in SlotRoom room)
    {
        var unknown = First(ClientStanding.Unknown, free, room);
        var bad = First(ClientStanding.Bad, free, room);
        return bad is not null && (unknown is null || _unknownInARow >= GrantsAbove) ? bad : unknown;
    }

    private WaitingPlace? First(ClientStanding standing, int free, in SlotRoom room) =>
        _heaps[(int)standing].First is { } range && room.MayTake(standing, range.Held, free) ? range.Oldest[(int)standing] : null;

    private void Link(WaitingPlace place, SlotRange range, ClientStanding standing)
    {
        ref var oldest = ref range.Oldest[(int)standing];
        if (oldest is null)
        {
            place.Older = place.Newer = oldest = place;
            _heaps[(int)standing].Add(range);
            return;
        }

        // Behind the newest one, unless it came before that one in another standing.
        var older = oldest.Older!;
        while (place.IsOlderThan(older) && older != oldest)
            older = older.Older!;
        var isOldest = place.IsOlderThan(older);
        if (isOldest)
            older = older.Older!;
        (place.Older, place.Newer) = (older, older.Newer);
        older.Newer!.Older = place;
        older.Newer = place;
        if (!isOldest)
            return;

        oldest = place;
        _heaps[(int)standing].Update(range);
    }

    private void Unlink(WaitingPlace place, SlotRange range)
    {
        ref var oldest = ref range.Oldest[(int)place.Standing];
        var wasOldest = oldest == place;
        if (place.Newer == place)
            oldest = null;
        else if (wasOldest)
            oldest = place.Newer;

        place.Older!.Newer = place.Newer;
        place.Newer!.Older = place.Older;
        (place.Older, place.Newer) = (null, null);
        if (oldest is null)
            _heaps[(int)place.Standing].Remove(range);
        else if (wasOldest)
            _heaps[(int)place.Standing].Update(range);
    }

    private void Count(WaitingPlace place, int change)
    {
        _counts.Count(place, change);
        if (!IsGood(place.Standing))
            _others += change;
    }
}
