using SmtpShield.Limits;
using SmtpShield.Limits.Shared;

namespace SmtpShield.Testing.Sharing;

/// <summary>A store of shared counts without a Redis, with one partition: what its script does, written a second time.</summary>
/// <param name="time">The store's clock, whose wall clock counts.</param>
internal sealed class InMemorySharedStore(TimeProvider time) : ISharedStore, IStorePartition
{
    private const int NewsOfAPage = 200;
    private const int OldNewsOfACall = 4;
    private const long FirstTime = 1_000_000_000_000;
    private const long Microseconds = 1000;
    private const long Second = 1000;
    private const long Closed = -1;

    private readonly Lock _gate = new();
    private readonly InMemoryEntries _entries = new();
    private readonly SortedDictionary<string, long> _news = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StoredRecord> _records = new(StringComparer.Ordinal);
    private readonly Dictionary<long, long> _leases = [];
    private Dictionary<string, StoredMember> _members = [];
    private string _epoch = "";
    private long _now;
    private long _windowClock;
    private long _leaseClock;
    private long _deaths;
    private long _lookedAt;
    private long _lastNumber;
    private long _changes;

    /// <summary>Records there are.</summary>
    public int Count => _records.Count;

    /// <summary>Forgets everything, as a store that is started empty.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            Forget();
            _records.Clear();
            _epoch = "";
            _entries.Flush();
        }
    }

    /// <summary>What all members together have of a client: connections, then its rates.</summary>
    public IReadOnlyList<long> TotalsOf(string client)
    {
        lock (_gate)
            return _records.TryGetValue(client, out var record) && record.Epoch == _epoch ? [record.Open, .. record.Rates] : [];
    }

    /// <inheritdoc/>
    public IStorePartition Partition(int number) => this;

    /// <inheritdoc/>
    public Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call)
    {
        lock (_gate)
            return Task.FromResult(Exchange(call));
    }

    /// <inheritdoc/>
    public Task<EntryAnswer> TellAsync(EntryCall call)
    {
        lock (_gate)
            return Task.FromResult(_entries.Tell(call, time.GetUtcNow().ToUnixTimeMilliseconds()));
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static long MillisecondsOf(TimeSpan span) => (long)span.TotalMilliseconds;

    private ExchangeAnswer? Exchange(ExchangeCall call)
    {
        var (unit, lease, expiry) = (MillisecondsOf(call.Unit), MillisecondsOf(call.Lease), MillisecondsOf(call.Expiry));
        var now = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        if (_epoch.Length == 0 || _epoch == call.SteppedEpoch)
        {
            Forget();
            (_epoch, _now) = (call.NewEpoch, now);
        }
        else if (_members.TryGetValue(call.Owner, out var known) && call.Sequence <= known.Sequence)
        {
            return null;
        }

        var gap = Math.Max(now - _now, 1);
        (_windowClock, _leaseClock, _now) = (_windowClock + gap, _leaseClock + Math.Min(gap, lease * Microseconds / 4), now);
        var member = MemberOf(call);
        var asks = member.Told != call.Told || call.Epoch != _epoch;
        var cursor = asks ? 0 : call.Cursor;

        var died = _leases.Values.Count(end => end > _lookedAt && end <= _leaseClock);
        (_deaths, _changes, _lookedAt) = (_deaths + died, _changes + died, _leaseClock);
        var forgotten = _leaseClock - (((2 * unit) + expiry) * Microseconds);
        foreach (var (owner, old) in _members.Where(one => one.Value != member && _leases[one.Value.Number] <= forgotten).ToList())
        {
            _members.Remove(owner);
            _leases.Remove(old.Number);
        }

        _leases[member.Number] = call.Leaves ? _leaseClock : _leaseClock + (lease * Microseconds);
        if (call.Leaves)
            (_deaths, _changes) = (_deaths + 1, _changes + 1);
        if (call.Settings.Length > 0)
            (member.Settings, _changes) = (call.Settings, _changes + 1);

        var reported = new HashSet<string>(StringComparer.Ordinal);
        var counts = new List<SharedCounts>();
        foreach (var report in call.Reports)
        {
            reported.Add(report.Key.ToString());
            counts.Add(Report(call, member, report));
        }

        var news = NewsFor(call, member, reported, ref cursor);
        TellOldNews(call, expiry);
        return new()
        {
            Epoch = _epoch,
            Told = member.Told,
            Time = now / Microseconds,
            AsksForEverything = asks,
            Deaths = _deaths,
            // Who leaves as the last one counts itself, as what reads the script's answer does.
            Members = Math.Max(1, _leases.Values.Count(end => end > _leaseClock)),
            Cursor = cursor,
            Counts = counts,
            News = news,
            Changes = _changes,
            MemberSettings = call.NamesMembers
                ? [.. _members.Values.Where(IsAlive).OrderBy(one => _leases[one.Number]).ThenBy(static one => $"{one.Number}", StringComparer.Ordinal)
                    .Select(static one => one.Settings)]
                : [],
        };
    }

    private StoredMember MemberOf(ExchangeCall call)
    {
        if (!_members.TryGetValue(call.Owner, out var member))
        {
            _changes++;
            return _members[call.Owner] = new(++_lastNumber) { Sequence = call.Sequence, Told = call.Told + 1 };
        }

        if (member.Sequence < call.Acknowledged || !IsAlive(member))
            member.Told = Math.Max(member.Told, call.Told) + 1;
        member.Sequence = call.Sequence;
        return member;
    }

    private bool IsAlive(StoredMember member) => _leases[member.Number] > _leaseClock;

    private bool IsAlive(long number) => _leases.TryGetValue(number, out var end) && end > _leaseClock;

    private SharedCounts Report(ExchangeCall call, StoredMember member, in ClientReport report)
    {
        var (key, its) = (report.Key.ToString(), report.Key.Service);
        var record = Find(key) ?? (_records[key] = new(_epoch, _deaths));
        var limits = call.Services.Single(service => service.Name == its);
        var earlier = LevelsOf(record, limits);

        var (unit, own) = (MillisecondsOf(call.Unit), report.Counts);
        var isAny = false;
        for (var i = 0; i < AnvilEventCounts.Length; i++)
            isAny |= own.Rates[i] > 0;
        var isLive = isAny && own.Age >= 0 && own.Age < unit;
        var at = _windowClock / Microseconds;
        var begin = at - own.Age;
        if (record.Start != Closed && (at - record.Start > unit + Second || (isLive && begin > record.Start + unit - Second)))
            record.BeginWindow(isLive ? begin : Closed);
        else if (isLive && (record.Start == Closed || begin < record.Start - Second))
            record.Start = begin;

        record.Fields.TryGetValue(member.Number, out var before);
        var field = new StoredField(record.Window, own.Open);
        for (var i = 0; i < AnvilEventCounts.Length && isLive; i++)
            field.Rates[i] = own.Rates[i];
        record.Replace(before, field);
        if (field.IsZero)
            record.Fields.Remove(member.Number);
        else
            record.Fields[member.Number] = field;
        if (!LevelsOf(record, limits).SequenceEqual(earlier))
            _news[key] = _windowClock;
        return AnswerOf(record, field);
    }

    private StoredRecord? Find(string client)
    {
        if (!_records.TryGetValue(client, out var record) || record.Epoch != _epoch)
            return null;
        if (record.Deaths != _deaths)
            Recount(record);
        return record;
    }

    private void Recount(StoredRecord record)
    {
        foreach (var (number, field) in record.Fields.ToList())
        {
            if (field.Open == 0 || IsAlive(number))
                continue;

            field.Open = 0;
            if (field.IsZero)
                record.Fields.Remove(number);
        }

        record.Recount(_deaths);
    }

    private List<(string Client, SharedCounts Counts)> NewsFor(ExchangeCall call, StoredMember member, HashSet<string> reported, ref long cursor)
    {
        var from = cursor;
        var ordered = _news.Where(one => one.Value > from).OrderBy(static one => one.Value).ThenBy(static one => one.Key, StringComparer.Ordinal).ToList();
        if (ordered.Count >= NewsOfAPage)
            ordered = [.. ordered.TakeWhile(one => one.Value <= ordered[NewsOfAPage - 1].Value)];
        List<(string Client, SharedCounts Counts)> news = [];
        foreach (var (client, at) in ordered)
        {
            cursor = at;
            if (!reported.Contains(client) && Find(client) is { } record)
                news.Add((client, AnswerOf(record, record.Fields.GetValueOrDefault(member.Number))));
        }

        return news;
    }

    private void TellOldNews(ExchangeCall call, long expiry)
    {
        foreach (var (client, _) in _news.Where(one => one.Value <= _windowClock - (expiry * Microseconds / 3)).OrderBy(static one => one.Value)
            .ThenBy(static one => one.Key, StringComparer.Ordinal).Take(OldNewsOfACall).ToList())
        {
            var isNear = Find(client) is { } record && call.Services.Where(service => client.StartsWith(service.Name + ":", StringComparison.Ordinal))
                .SelectMany(service => LevelsOf(record, service)).Any(static level => level > 0);
            if (isNear)
                _news[client] = _windowClock;
            else
                _news.Remove(client);
        }
    }

    private SharedCounts AnswerOf(StoredRecord record, StoredField? field)
    {
        AnvilEventCounts rates = default;
        for (var i = 0; i < AnvilEventCounts.Length; i++)
            rates[i] = (int)Math.Max(0, record.Rates[i] - (field is null ? 0 : record.RateOf(field, i)));
        var age = record.Start == Closed ? SharedCounts.NoWindow : (int)((_windowClock / Microseconds) - record.Start);
        return new(age, (int)Math.Max(0, record.Open - (field?.Open ?? 0)), rates);
    }

    private static long[] LevelsOf(StoredRecord record, SharedService limits) =>
    [
        LevelOf(record.Open, limits.OpenLimit),
        .. Enumerable.Range(0, AnvilEventCounts.Length).Select(i => LevelOf(record.Rates[i], limits.RateLimits[i])),
    ];

    private static long LevelOf(long count, int limit)
    {
        if (limit == 0 || count * 2 < limit)
            return 0;
        if (count > limit)
            return 1_000_000_000_000;

        var step = Math.Max(1, limit / 16);
        return count >= limit - step ? 1_000_000_000 + count : 1 + ((count - ((limit + 1) / 2)) / step);
    }

    private void Forget()
    {
        _news.Clear();
        _leases.Clear();
        _members = [];
        (_windowClock, _leaseClock, _lookedAt) = (FirstTime, FirstTime, FirstTime);
        (_deaths, _lastNumber, _changes) = (0, 0, 0);
    }
}
