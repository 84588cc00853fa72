using System.Net;
using System.Net.Sockets;
using SmtpShield.Clients;
using SmtpShield.Options;

namespace SmtpShield.Bans;

/// <summary>
/// Who is banned. Clients ask with every connection: that takes no lock, nothing while nobody is banned, and otherwise a look-up for each length of a prefix in
/// use. Who is exempt all the same is not known here.
/// </summary>
/// <remarks>
/// At most <c>shield_ban_table_size</c> bans, of some 120 octets; when it is full there are no new ones. As many that are over are remembered for their level,
/// for <c>shield_ban_memory</c>; of these the oldest go first. The last 8192 changes are known. A ban that is over holds nobody from its second on, and is
/// taken out within a second more.
/// </remarks>
internal sealed class BanTable
{
    // More than half a minute of automatic bans, made and ended; who asks less often looks at all.
    private const int MostChanges = 8192;

    // Times that shields tell each other differ by the way they take.
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    private readonly ShieldSnapshot _snapshot;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Lock _sorting = new();
    private readonly BanIndex _bans = new();
    private readonly BanEnds _ends = new();
    private readonly Dictionary<ClientRange, PastBan> _past = [];
    private readonly Queue<(ClientRange Prefix, DateTimeOffset Ended)> _pastOrder = new();
    private readonly BanPrefixes _prefixes = new();
    private readonly Queue<(long Revision, ClientRange Prefix)> _changes = new();
    private (IReadOnlyList<Ban> Bans, long Made)? _sorted;
    private long _made;
    private int _automatic;
    private long _revision;

    /// <summary>Nobody is banned.</summary>
    public BanTable(ShieldSnapshot snapshot, TimeProvider time)
    {
        (_snapshot, _time) = (snapshot, time);

        // Above that of an earlier process, of which somebody may remember it.
        _revision = time.GetUtcNow().ToUnixTimeMilliseconds();
    }

    /// <summary>Something has become of a ban. Told with nothing locked.</summary>
    public event Action<Ban, BanChangeKind>? Changed;

    /// <summary>What is remembered of a prefix that is not banned was lifted. Told with nothing locked.</summary>
    public event Action? Forgotten;

    /// <summary>Bans there are.</summary>
    public int Count => _bans.Count;

    /// <summary>Those the shield has made itself.</summary>
    public int Automatic => Volatile.Read(ref _automatic);

    /// <summary>Changes so far: who has seen this number has seen all there is.</summary>
    public long Revision => Volatile.Read(ref _revision);

    /// <summary>Over how long hits are counted now.</summary>
    public TimeSpan HitWindow => _snapshot.Current.Bans.Window;

    /// <summary>Whether there is no room for another one.</summary>
    public bool IsFull => Count >= _snapshot.Current.Bans.TableSize;

    /// <summary>The ban that covers an address, of several the longest prefix; null: none.</summary>
    public Ban? Find(IPAddress address)
    {
        if (Count == 0)
            return null;

        var isIPv4 = address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6;
        var now = _time.GetUtcNow();
        foreach (var length in _prefixes.Of(isIPv4))
        {
            if (_bans.Find(ClientRange.Of(address, length, length)) is { } ban && ban.IsInForce(now))
                return ban;
        }

        return null;
    }

    /// <summary>The ban that covers all of a range, of several the longest prefix; null: none.</summary>
    public Ban? Covering(in ClientRange range)
    {
        var now = _time.GetUtcNow();
        foreach (var length in _prefixes.Of(range.IsIPv4))
        {
            if (length <= range.PrefixLength && _bans.Find(ClientRange.Of(range.Address, length, length)) is { } ban && ban.IsInForce(now))
                return ban;
        }

        return null;
    }

    /// <summary>The ban of exactly this prefix; null: none.</summary>
    public Ban? Of(in ClientRange prefix) => _bans.Find(prefix) is { } ban && ban.IsInForce(_time.GetUtcNow()) ? ban : null;

    /// <summary>All of them, in their order. Sorted anew only when something has changed; those who connect meanwhile do not wait.</summary>
    public IReadOnlyList<Ban> All()
    {
        lock (_sorting)
        {
            // Before they are read: what is made or ended meanwhile is looked at again the next time.
            var made = Volatile.Read(ref _made);
            if (_sorted is { } sorted && sorted.Made == made)
                return sorted.Bans;
            IReadOnlyList<Ban> all = [.. _bans.ToList().OrderBy(static ban => ban.Prefix, BanOrder.Instance)];
            _sorted = (all, made);
            return all;
        }
    }

    /// <summary>How many there are of a kind: a pass over all of them, in no order.</summary>
    public int CountOf(Func<Ban, bool> which) => _bans.CountOf(which);

    /// <summary>All that are remembered for their level only, the oldest first.</summary>
    public IReadOnlyList<KeyValuePair<ClientRange, PastBan>> Past()
    {
        KeyValuePair<ClientRange, PastBan>[] all;
        lock (_gate)
        {
            ForgetPast();
            all = [.. _past];
        }

        return [.. all.OrderBy(static past => past.Value.Ended)];
    }

    /// <summary>The prefixes of which something has changed since a revision.</summary>
    /// <returns>Null: that is not known any more, or was another process's; look at all.</returns>
    public IReadOnlyCollection<ClientRange>? ChangedSince(long revision)
    {
        lock (_gate)
        {
            var known = _changes.TryPeek(out var oldest) ? oldest.Revision - 1 : _revision;
            return revision < known || revision > _revision ? null
                : _changes.Where(change => change.Revision > revision).Select(static change => change.Prefix).ToHashSet();
        }
    }

    /// <summary>One whom a ban refuses is exempt at no service.</summary>
    public void NoteLookedAt(Ban ban)
    {
        if (!ban.NoteLookedAt())
            return;
        lock (_gate)
            NoteChange(ban.Prefix);
    }

    /// <summary>Who is exempt is said by other lists from now on: nothing that was known of it counts, and who asks for changes looks at all.</summary>
    public void LookAgain()
    {
        lock (_gate)
        {
            foreach (var ban in _bans.ToList())
                ban.ForgetLook();
            _changes.Clear();
            Volatile.Write(ref _revision, _revision + 1);
        }
    }

    /// <summary>The level of the last ban of a prefix within <c>shield_ban_memory</c>; 0: there was none.</summary>
    public int LevelOf(in ClientRange prefix)
    {
        lock (_gate)
        {
            ForgetPast();
            return _past.TryGetValue(prefix, out var past) && past.Ended > Oldest ? past.Level : 0;
        }
    }

    /// <summary>Bans. An automatic ban takes no other's place.</summary>
    /// <param name="ban">Who, and until when.</param>
    /// <param name="before">What there was of this prefix; null: nothing.</param>
    /// <returns>False: there is no room for another prefix, or it is automatic and there is one.</returns>
    public bool TryAdd(Ban ban, out Ban? before)
    {
        lock (_gate)
        {
            before = Of(ban.Prefix);
            if (before is null ? IsFull : ban.Origin == BanOrigin.Auto)
                return false;

            // One by hand has no level, and does not make that of the one before forgotten.
            if (before is { Level: > 0 })
                Remember(before.Prefix, new(before.Level, _time.GetUtcNow()));
            Put(ban);
        }

        Changed?.Invoke(ban, BanChangeKind.Began);
        return true;
    }

    /// <summary>Lifts the ban of exactly this prefix, and forgets that there were any.</summary>
    /// <returns>What there was; null: nothing.</returns>
    public Ban? Lift(in ClientRange prefix)
    {
        Ban? ban;
        bool wasRemembered;
        lock (_gate)
        {
            ban = Of(prefix);
            if (ban is not null)
                Take(prefix);
            wasRemembered = _past.Remove(prefix);
            if (wasRemembered)
                NoteChange(prefix);
        }

        if (ban is not null)
            Changed?.Invoke(ban, BanChangeKind.Lifted);
        else if (wasRemembered)
            Forgotten?.Invoke();
        return ban;
    }

    /// <summary>
    /// Takes over a ban that another shield has told of. Of two by hand the later one holds, of two automatic ones that which ends later, and one by hand takes
    /// the place of an automatic one.
    /// </summary>
    /// <returns>False: there is no room for it, or what there is holds.</returns>
    public bool TakeOver(Ban ban)
    {
        lock (_gate)
        {
            if (Of(ban.Prefix) is not { } before)
            {
                if (IsFull)
                    return false;
            }
            else
            {
                if (!TakesPlaceOf(ban, before))
                    return false;
                if (before.Level > 0)
                    Remember(before.Prefix, new(before.Level, _time.GetUtcNow()));
            }

            Put(ban);
        }

        Changed?.Invoke(ban, BanChangeKind.Began);
        return true;
    }

    /// <summary>Another shield has lifted the ban of exactly this prefix: it is lifted here, unless it was made later.</summary>
    /// <param name="prefix">Whose.</param>
    /// <param name="at">When.</param>
    /// <returns>Whether there was one.</returns>
    public bool LiftOlder(in ClientRange prefix, DateTimeOffset at)
    {
        Ban? ban;
        lock (_gate)
        {
            ban = Of(prefix);
            if (ban is null || ban.Since > at + Moment)
                return false;

            Take(prefix);
            _past.Remove(prefix);
        }

        Changed?.Invoke(ban, BanChangeKind.LiftedElsewhere);
        return true;
    }

    private static bool TakesPlaceOf(Ban ban, Ban before) => ban.Origin == BanOrigin.Manual
        ? before.Origin == BanOrigin.Auto || ban.Since > before.Since + Moment
        : before.Origin == BanOrigin.Auto && ban.Until > before.Until + Moment;

    /// <summary>Puts back what an earlier process knew. What there is by now stays.</summary>
    public void Restore(Ban ban)
    {
        lock (_gate)
        {
            if (_bans.Find(ban.Prefix) is null && !IsFull)
                Put(ban);
        }
    }

    /// <summary>Puts back what an earlier process remembered.</summary>
    public void Restore(in ClientRange prefix, PastBan past)
    {
        lock (_gate)
            Remember(prefix, past);
    }

    /// <summary>Takes out those that are over.</summary>
    public void RemoveEnded()
    {
        var now = _time.GetUtcNow();
        List<Ban>? ended = null;
        lock (_gate)
        {
            while (_ends.Next is { } next && next.Until <= now)
            {
                _ends.RemoveNext();
                if (_bans.Find(next.Prefix) != next)
                    continue;
                Take(next.Prefix);
                if (next.Level > 0)
                    Remember(next.Prefix, new(next.Level, next.Until));
                (ended ??= []).Add(next);
            }
        }

        foreach (var ban in ended ?? [])
            Changed?.Invoke(ban, BanChangeKind.Ended);
    }

    private void Put(Ban ban)
    {
        var before = _bans.Put(ban);
        if (before is null)
            _prefixes.Note(ban.Prefix, 1);
        else
            Note(before, -1);
        _ends.Add(ban);
        Note(ban, 1);

        // Those that were lifted stay in the queue till their end.
        if (_ends.Count > 2 * _bans.Count + 1000)
            _ends.Reset(_bans.ToList());
    }

    private void Take(in ClientRange prefix)
    {
        if (_bans.Take(prefix) is not { } ban)
            return;
        _prefixes.Note(prefix, -1);
        Note(ban, -1);
    }

    private void Note(Ban ban, int change)
    {
        _automatic += ban.Origin == BanOrigin.Auto ? change : 0;
        Volatile.Write(ref _made, _made + 1);
        NoteChange(ban.Prefix);
    }

    private void NoteChange(in ClientRange prefix)
    {
        Volatile.Write(ref _revision, _revision + 1);
        if (_changes.Count == MostChanges)
            _changes.Dequeue();
        _changes.Enqueue((_revision, prefix));
    }

    private void Remember(in ClientRange prefix, PastBan past)
    {
        ForgetPast();
        while (_past.Count >= _snapshot.Current.Bans.TableSize && _pastOrder.TryDequeue(out var oldest))
            Forget(oldest.Prefix, oldest.Ended);
        _past[prefix] = past;
        _pastOrder.Enqueue((prefix, past.Ended));

        // Those that were banned again, or lifted, stay in the queue till they are due.
        if (_pastOrder.Count <= 2 * _past.Count + 1000)
            return;
        for (var left = _pastOrder.Count; left > 0; left--)
        {
            var one = _pastOrder.Dequeue();
            if (_past.TryGetValue(one.Prefix, out var its) && its.Ended == one.Ended)
                _pastOrder.Enqueue(one);
        }
    }

    private DateTimeOffset Oldest => _time.GetUtcNow() - _snapshot.Current.Bans.Memory;

    private void ForgetPast()
    {
        var since = Oldest;
        while (_pastOrder.TryPeek(out var oldest) && oldest.Ended <= since)
            Forget(_pastOrder.Dequeue().Prefix, oldest.Ended);
    }

    // It may have been banned again since, or lifted.
    private void Forget(in ClientRange prefix, DateTimeOffset ended)
    {
        if (_past.TryGetValue(prefix, out var past) && past.Ended == ended)
            _past.Remove(prefix);
    }
}
