using SmtpShield.Clients;

namespace SmtpShield.Mta.Slots;

/// <summary>
/// The sessions of one destination, of all services that use it: as many as the limit in force and never more, whatever counts as one (dials, probes,
/// sessions that say QUIT). A slot is taken before the first SYN and given back when the MTA's side is closed. Who finds none waits as a
/// <see cref="SlotWaiter"/>.
/// </summary>
/// <remarks>
/// One lock, held for some hundred nanoseconds. A client takes one without asking those who wait only where none of them may: after each step nobody waits
/// who could have a slot. Memory is that of those who hold or wait: one record for a session and one for its range.
/// </remarks>
/// <param name="time">The clock.</param>
/// <param name="terms">The terms at first.</param>
internal sealed class MtaSlots(TimeProvider time, SlotTerms terms)
{
    /// <summary>So many wait until their session is opened that clients had better be served without one.</summary>
    public const int ManyWaiting = 16;

    private readonly Lock _gate = new();
    private readonly SlotRanges _ranges = new();
    private readonly SlotQueue _queue = new(time);
    private readonly SlotList _taken = new();
    private readonly Openings _openings = new(time);
    private readonly SlotShare _share = new();
    private SlotTerms _terms = terms;
    private SlotTerms _inForce = terms;
    private int _used;
    private int _usedByOthers;
    private int _parked;
    private RecentPeak _peak;
    private bool _isHeld;

    /// <summary>The terms in force. Lower ones end no session; with higher ones those who wait get theirs at once.</summary>
    public SlotTerms Terms
    {
        get
        {
            lock (_gate)
                return _terms;
        }
        set
        {
            lock (_gate)
            {
                _terms = value;
                PutInForce();
            }
        }
    }

    /// <summary>Whether nobody gets one for now: the MTA has said it has enough to do.</summary>
    public bool IsHeld
    {
        get
        {
            lock (_gate)
                return _isHeld;
        }
        set
        {
            lock (_gate)
            {
                _isHeld = value;
                Grant();
            }
        }
    }

    /// <summary>Sessions there are.</summary>
    public int Used
    {
        get
        {
            lock (_gate)
                return _used;
        }
    }

    /// <summary>Of these, those that serve a client: not those that are parked.</summary>
    public int InUse
    {
        get
        {
            lock (_gate)
                return _used - _parked;
        }
    }

    /// <summary>How many parked ones are in the way of what may be in use, or of those who wait.</summary>
    public int ParkedInTheWay
    {
        get
        {
            lock (_gate)
                return Math.Min(_parked, Math.Max(_used - _inForce.Limit, _queue.Counts.Sum + _share.WaitingElsewhere));
        }
    }

    /// <summary>Sessions that wait for one here.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
                return _queue.Counts.Sum;
        }
    }

    /// <summary>
    /// Whether somebody waits because there is no session for him, or many do until theirs is opened: a few that come at the same time are no sign of anything.
    /// </summary>
    public bool IsWaitedFor
    {
        get
        {
            lock (_gate)
            {
                var counts = _queue.Counts;
                var room = Room;
                return _share.WaitingElsewhere > 0 || counts.Sum >= ManyWaiting || counts.Good > 0
                    || (counts.Others > 0 && (room.MayOthersOpen || room.ForOthers <= 0));
            }
        }
    }

    /// <summary>Whether somebody has waited for <see cref="LongWaits.Patience"/>.</summary>
    public bool HasLongWaiters
    {
        get
        {
            lock (_gate)
                return _queue.CountLong().Sum > 0;
        }
    }

    /// <summary>Client ranges that hold or wait.</summary>
    public int Ranges
    {
        get
        {
            lock (_gate)
                return _ranges.Count;
        }
    }

    /// <summary>The clock.</summary>
    public TimeProvider Time => time;

    /// <summary>The time from one timestamp to another.</summary>
    public TimeSpan Elapsed(long since, long now) => time.GetElapsedTime(since, now);

    /// <summary>The second a timestamp is in.</summary>
    public long SecondOf(long timestamp) => timestamp / time.TimestampFrequency;

    /// <summary>Sessions a client range holds.</summary>
    public int HeldBy(in ClientRange client)
    {
        lock (_gate)
            return _ranges.Find(client)?.Held ?? 0;
    }

    /// <summary>Takes a slot if there is one for this client now.</summary>
    /// <param name="client">Whose session it is.</param>
    /// <param name="standing">What the client is known for.</param>
    /// <param name="wake">Makes the session look at <see cref="Slot.Demand"/>; called on another thread.</param>
    /// <returns>Null: there is none.</returns>
    public Slot? TryTake(in ClientRange client, ClientStanding standing, Action wake)
    {
        lock (_gate)
        {
            var room = Room;
            if (!room.MayTake(standing, _ranges.Find(client)?.Held ?? 0, room.For(standing)))
                return null;

            var slot = new Slot(this, _ranges.FindOrAdd(client), standing, wake);
            Book(slot);
            // The one that is left may now be the last one, which needs no share.
            Grant();
            return slot;
        }
    }

    /// <summary>
    /// The session goes on without a client, until another one takes it over: it counts as one, but nobody holds it. Not while somebody waits for one, or
    /// there are more than there may be.
    /// </summary>
    /// <param name="slot">The slot.</param>
    /// <param name="isPressed">Whether no more are kept than are in use now; otherwise, than were at the same time in the last ten seconds.</param>
    /// <returns>False: it is not parked.</returns>
    public bool TryPark(Slot slot, bool isPressed)
    {
        lock (_gate)
        {
            var most = isPressed ? _used - _parked - 1 : _peak.Most;
            if (!slot.IsTaken || slot.IsParked || _isHeld || _queue.Counts.Sum + _share.WaitingElsewhere > 0 || _used > _inForce.Limit || _parked >= most)
                return false;

            LetGo(slot);
            slot.IsParked = true;
            _parked++;
            return true;
        }
    }

    /// <summary>A client takes over a session that is parked: under the same terms as a new one, as if those that are parked were free.</summary>
    /// <param name="parked">The slot of that session; given back.</param>
    /// <param name="client">Whose session it is.</param>
    /// <param name="standing">What the client is known for.</param>
    /// <param name="wake">See <see cref="TryTake"/>.</param>
    /// <returns>Null: it may not, or others come first.</returns>
    public Slot? TryUnpark(Slot parked, in ClientRange client, ClientStanding standing, Action wake)
    {
        lock (_gate)
        {
            // Nothing is opened.
            var room = Room with { Free = _isHeld ? 0 : _inForce.Limit - _used + _parked, MayOthersOpen = true };
            if (!parked.IsTaken || _queue.Counts.Sum > 0 || !room.MayTake(standing, _ranges.Find(client)?.Held ?? 0, room.For(standing)))
                return null;

            Free(parked);
            var slot = new Slot(this, _ranges.FindOrAdd(client), standing, wake);
            Book(slot);
            _openings.End(slot);
            return slot;
        }
    }

    /// <summary>See <see cref="SlotWaiter.Enqueue"/>.</summary>
    public void Enqueue(WaitingPlace place, in ClientRange client, ClientStanding standing)
    {
        lock (_gate)
        {
            if (!place.Waiter.IsQueued)
                return;

            _queue.Append(place, _ranges.FindOrAdd(client), standing);
            Grant();
        }
    }

    /// <summary>Takes a waiter out of the queue, if it is in it.</summary>
    public void Remove(WaitingPlace place)
    {
        lock (_gate)
        {
            if (place.Range is not { } range)
                return;

            _queue.Remove(place);
            _ranges.ForgetIfIdle(range);
            _share.Changed?.Invoke();
        }
    }

    /// <summary>See <see cref="Slot.Dispose"/>.</summary>
    public void GiveBack(Slot slot)
    {
        lock (_gate)
        {
            if (!slot.IsTaken)
                return;

            if (!slot.IsParked)
                LetGo(slot);
            Free(slot);
            Grant();
        }
    }

    /// <summary>See <see cref="Slot.NoteAnswered"/>.</summary>
    public void NoteAnswered(Slot slot, MtaWork work, TimeSpan took)
    {
        lock (_gate)
        {
            if (!_inForce.IsPaced)
                return;

            _openings.NoteAnswered(slot, work, took, _inForce.Limit);
            Grant();
        }
    }

    /// <summary>See <see cref="Slot.NoteHeldUp"/>.</summary>
    public void NoteHeldUp(Slot slot)
    {
        lock (_gate)
        {
            _openings.End(slot);
            Grant();
        }
    }

    /// <summary>Since when sessions wait for the MTA to do any <see cref="MtaWork"/>.</summary>
    /// <param name="since">Receives timestamps.</param>
    public void CountAwaited(List<long> since)
    {
        lock (_gate)
        {
            foreach (var slot in _taken)
            {
                if (slot.AwaitedSince is not 0 and var one)
                    since.Add(one);
            }
        }
    }

    /// <summary>Lets those in whom nothing but time has kept out.</summary>
    public void Look()
    {
        lock (_gate)
        {
            Grant();
            _share.LentChanged?.Invoke();
        }
    }

    /// <summary>A range is known good from now on: a message of it was accepted. Its waiters change the queue, in the order in which they came.</summary>
    /// <remarks>Costs as many steps as the range has waiters and there are sessions in use. So does <see cref="Demote"/>.</remarks>
    public void Promote(in ClientRange client)
    {
        lock (_gate)
        {
            if (_ranges.Find(client) is not { } range)
                return;

            _queue.Move(range, ClientStanding.Unknown, ClientStanding.Good);
            _queue.Move(range, ClientStanding.Bad, ClientStanding.Good);
            Reclassify(range, ClientStanding.Good);
            Grant();
        }
    }

    /// <summary>A range is bad from now on: it had to be parted from a session, or made too many errors. Who is known good stays so.</summary>
    public void Demote(in ClientRange client)
    {
        lock (_gate)
        {
            if (_ranges.Find(client) is not { } range)
                return;

            _queue.Move(range, ClientStanding.Unknown, ClientStanding.Bad);
            Reclassify(range, ClientStanding.Bad);
            Grant();
        }
    }

    /// <summary>See <see cref="Slot.NoteGood"/>.</summary>
    public void NoteGood(Slot slot)
    {
        lock (_gate)
        {
            if (slot.IsTaken)
                Reclassify(slot, ClientStanding.Good);
        }
    }

    /// <summary>A second is over.</summary>
    public void EndSecond()
    {
        lock (_gate)
            _peak.EndSecond(_used - _parked);
    }

    /// <summary>Lets all who hold one look at how things stand: the destination is taken out.</summary>
    public void WakeAll()
    {
        lock (_gate)
        {
            foreach (var slot in _taken)
                slot.Wake();
        }
    }

    /// <summary>
    /// Who holds the sessions, and how many of those who wait would be helped by one of them: not those whose own share is what they wait for.
    /// </summary>
    /// <param name="holders">Receives the holders.</param>
    /// <param name="waiting">Receives how many wait, of which this is the first destination, because all is taken that their class may have.</param>
    /// <param name="longWaiting">The same for those of them that have waited for <see cref="LongWaits.Patience"/>.</param>
    public void CountInWant(List<Slot> holders, ref int waiting, ref int longWaiting)
    {
        lock (_gate)
        {
            var want = CountWant();
            waiting += want.Waiting + _share.WaitingElsewhere;
            longWaiting += want.Long + _share.LongWaitingElsewhere;
            foreach (var slot in _taken)
                holders.Add(slot);
        }
    }

    /// <summary>Changes how they are shared with another process of this shield; then those who wait may get theirs.</summary>
    /// <param name="change">Changes it, with the slots locked; is given the sessions there are.</param>
    public void Share(Action<SlotShare, int> change)
    {
        lock (_gate)
        {
            change(_share, _used);
            PutInForce();
        }
    }

    /// <summary>Gives the later process what nobody needs here.</summary>
    /// <returns>How many, and whether there are too few.</returns>
    public (int Given, bool IsMissing) GiveSpare()
    {
        lock (_gate)
        {
            var waiting = _queue.Counts.Sum;
            var given = _share.GiveSpare(_used, waiting);
            _inForce = _share.Of(_terms);
            return (given, _share.IsMissing(_used, waiting));
        }
    }

    /// <summary>Sessions that another process of this shield may have of these.</summary>
    public int Lent
    {
        get
        {
            lock (_gate)
                return _share.Lent;
        }
    }

    /// <summary>How many wait because all is taken that their class may have, and how many of them for long.</summary>
    public (int Waiting, int Long) Want
    {
        get
        {
            lock (_gate)
                return CountWant();
        }
    }

    private (int Waiting, int Long) CountWant()
    {
        var (room, all, longer) = (Room, _queue.Counts, _queue.CountLong());
        var (good, others) = (room.Free <= 0, room.ForOthers <= 0);
        return ((good ? all.Good : 0) + (others ? all.Others : 0), (good ? longer.Good : 0) + (others ? longer.Others : 0));
    }

    private SlotRoom Room => new(_isHeld ? 0 : _inForce.Limit - _used, _usedByOthers, !_inForce.IsPaced || _openings.HasRoom(_taken), _inForce);

    private void PutInForce()
    {
        _inForce = _share.Of(_terms);
        Grant();
    }

    private void Grant()
    {
        while (true)
        {
            // The earlier process and those who wait here have their turns. The reserve is for those who come here.
            var isAsked = _share.IsAsked && Room.ForOthers > 0;
            if (isAsked && !_share.WasLentLast)
            {
                Lend();
                continue;
            }

            if (_queue.Next(Room) is { } place)
                Grant(place);
            else if (isAsked)
                Lend();
            else
                break;
        }

        _share.Changed?.Invoke();
    }

    private void Lend()
    {
        _share.Lend();
        _inForce = _share.Of(_terms);
    }

    private void Grant(WaitingPlace place)
    {
        var slot = place.Waiter.MakeSlot(place);
        _queue.Remove(place);
        // One that has left, or has a slot elsewhere, and only has not got here yet to leave the queue.
        if (!place.Waiter.TryGrant(slot))
        {
            _ranges.ForgetIfIdle(slot.Range);
            return;
        }

        Book(slot);
        _share.NoteGrant();
    }

    private void Book(Slot slot)
    {
        slot.IsTaken = true;
        _taken.Add(slot);
        _used++;
        _peak.Note(_used - _parked);
        if (!SlotQueue.IsGood(slot.Standing))
        {
            _usedByOthers++;
            if (_inForce.IsPaced)
                _openings.Begin(slot);
        }

        slot.Range.Held++;
        _queue.NoteHeld(slot.Range);
        _queue.NoteGrant(slot.Standing);
    }

    // Its range holds it no more.
    private void LetGo(Slot slot)
    {
        _openings.End(slot);
        _taken.Remove(slot);
        if (!SlotQueue.IsGood(slot.Standing))
            _usedByOthers--;
        slot.Range.Held--;
        _queue.NoteHeld(slot.Range);
        _ranges.ForgetIfIdle(slot.Range);
    }

    private void Free(Slot slot)
    {
        slot.IsTaken = false;
        _used--;
        if (slot.IsParked)
            _parked--;
    }

    private void Reclassify(SlotRange range, ClientStanding standing)
    {
        if (range.Held == 0)
            return;

        foreach (var slot in _taken)
        {
            if (slot.Range == range)
                Reclassify(slot, standing);
        }
    }

    private void Reclassify(Slot slot, ClientStanding standing)
    {
        if (SlotQueue.IsGood(slot.Standing))
            return;

        slot.Standing = standing;
        if (SlotQueue.IsGood(standing))
            _usedByOthers--;
    }
}
