using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Options;

namespace SmtpShield.Shadow;

/// <summary>What limits in shadow would have done at one service, since it began or was reset; it decides nothing.</summary>
/// <remarks>
/// At most <see cref="Capacity"/> clients are remembered by themselves; then the one goes that was hit least recently and delivers no mail, and stays in the
/// counts. A would-be hit takes a lock and a look-up.
/// </remarks>
internal sealed class ShadowBook
{
    /// <summary>Clients that are remembered by themselves.</summary>
    public const int Capacity = 16384;

    /// <summary>Lines a second about all clients together.</summary>
    public const int MostLines = 50;

    // Clients that are copied while the lock is held once.
    private const int Slice = 128;

    // Looked at for one that delivers nothing, when room is needed.
    private const int LooksForRoom = 16;

    // Rates of what is counted and judged at the same time: open connections come and go, and the others are judged again by the count there was.
    private static readonly bool[] _areCountedAtEachHit = [.. ShadowRules.All.Select(static rule => ClientLimits.All.Any(limit =>
        limit.Parameter == rule.Name && limit is { IsOnOpenConnections: false, CountsBeforeJudging: true, Event: not AnvilEvent.NewTlsSession }))];

    private readonly ShieldService _service;
    private readonly AnvilTable _anvil;
    private readonly IBansInShadow _bans;
    private readonly ServiceMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<AnvilKey, LinkedListNode<ShadowClient>> _clients = [];
    private readonly LinkedList<ShadowClient> _order = new();
    // The same clients, for whom looks at them in slices: they move in the order with each hit.
    private readonly List<ShadowClient> _places = [];
    private readonly ShadowRuleCount[] _rules = new ShadowRuleCount[ShadowRules.All.Count];
    private DistinctHash _hash = new();
    private DistinctClients _seen;
    private DistinctClients _delivering;
    private DateTimeOffset _since;
    private TimeSpan _delay;
    private long _after;
    private long _inBans;
    private long _dropped;
    private long _changes;
    private int _lineSecond;
    private int _lines;

    /// <summary>Begins to count.</summary>
    /// <param name="service">The service.</param>
    /// <param name="anvil">Where its clients are counted.</param>
    /// <param name="bans">Who would be banned.</param>
    /// <param name="metrics">Where hits are counted, too.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Where lines about its clients go.</param>
    public ShadowBook(
        ShieldService service, AnvilTable anvil, IBansInShadow bans, ServiceMetrics metrics, TimeProvider time, ILogger<ShadowBook> log)
    {
        (_service, _anvil, _bans, _metrics, _time, Log) = (service, anvil, bans, metrics, time, log);
        Clear();
    }

    /// <summary>Where lines about its clients go.</summary>
    public ILogger Log { get; }

    /// <summary>How often something has happened that is kept: who knows this number knows whether something has since.</summary>
    public long Changes
    {
        get
        {
            lock (_gate)
                return _changes;
        }
    }

    /// <summary>A client connects, and is judged.</summary>
    public void NoteSeen(in AnvilKey key)
    {
        lock (_gate)
        {
            _changes++;
            _seen.Add(key.Client);
        }
    }

    /// <summary>Whether a client would have been refused, because it would have been banned.</summary>
    public bool IsBanned(ClientIdentity client)
    {
        if (!_bans.IsBanned(_service.Name, client))
            return false;

        _bans.NoteRefused(client);
        lock (_gate)
        {
            _changes++;
            _inBans++;
        }
        return true;
    }

    /// <summary>A limit would have been hit, which may have led to a ban.</summary>
    /// <param name="key">By whom.</param>
    /// <param name="client">The client.</param>
    /// <param name="rule">Which.</param>
    /// <param name="count">What was counted.</param>
    /// <param name="limit">What it was compared with.</param>
    /// <returns>Whether a line about it may be logged.</returns>
    public bool NoteHit(in AnvilKey key, ClientIdentity client, string rule, int count, int limit)
    {
        var mayLog = NoteHit(key, client.Name, rule, count, limit);
        _bans.NoteHit(key, client.Address, rule);
        return mayLog;
    }

    /// <summary>A limit would have been hit, or a ban have begun.</summary>
    /// <param name="key">By whom.</param>
    /// <param name="name">Its name; null: as it was.</param>
    /// <param name="rule">Which.</param>
    /// <param name="count">What was counted.</param>
    /// <param name="limit">What it was compared with.</param>
    /// <returns>Whether a line about it may be logged.</returns>
    public bool NoteHit(in AnvilKey key, string? name, string rule, int count, int limit)
    {
        _metrics.NoteShadowHit(rule);
        var index = ShadowRules.IndexOf(rule);
        var second = _anvil.Second;
        var options = _service.Unstressed.Anvil;
        var unit = options.RateTimeUnit;
        var growsInWindow = options.RateWindow == RateWindow.Fixed && _areCountedAtEachHit[index];
        var delivers = _anvil.Delivering.HasDelivered(key.Client, 2 * unit);
        lock (_gate)
        {
            _changes++;
            var client = Find(key);
            client.Name = name ?? client.Name;
            client.Delivers |= delivers;
            var its = client.Of(index);
            var all = _rules[index];
            all.Hits++;
            // Messages behind somebody else's ban may have been noted before.
            if (its.Hits == 0)
                all.Clients.Add(key.Client);
            if (its.Add(count, limit, second, (int)unit.TotalSeconds, growsInWindow))
                all.FirstHits++;
            return client.MayLog(second) && MayLog(second);
        }
    }

    /// <summary>A limit would have been hit in a session that would have been over by then.</summary>
    public void NoteAfter()
    {
        lock (_gate)
        {
            _changes++;
            _after++;
        }
    }

    /// <summary>A reply would have been delayed.</summary>
    public void NoteDelay(TimeSpan delay)
    {
        lock (_gate)
        {
            _changes++;
            _delay += delay;
        }
    }

    /// <summary>The MTA has accepted a message.</summary>
    /// <param name="key">Whose.</param>
    /// <param name="rule">The rule that would have kept it away; null: none.</param>
    public void NoteMessage(in AnvilKey key, string? rule)
    {
        lock (_gate)
        {
            _changes++;
            _delivering.Add(key.Client);
            if (rule is not null)
                _rules[ShadowRules.IndexOf(rule)].MessagesAfter++;
            if (!_clients.TryGetValue(key, out var node))
                return;

            node.Value.Delivers = true;
            if (rule is not null)
                node.Value.Of(ShadowRules.IndexOf(rule)).MessagesAfter++;
        }
    }

    /// <summary>What limits in shadow would have done to a client; empty: nothing that is remembered.</summary>
    public IReadOnlyList<ShadowPast> Of(in AnvilKey key)
    {
        lock (_gate)
            return _clients.TryGetValue(key, out var node) ? [.. node.Value.Rules.Where(static rule => rule.Hits > 0).Select(static rule => rule.Copy())] : [];
    }

    /// <summary>Begins anew.</summary>
    public void Reset()
    {
        lock (_gate)
            Clear();
    }

    /// <summary>All there is, copied to be kept: each set of clients by itself, then the clients in slices.</summary>
    public ShadowKept Keep()
    {
        ShadowKept kept;
        DistinctSet delivering;
        lock (_gate)
            delivering = _delivering.Keep();
        lock (_gate)
            kept = new(_since, _delay, _after, _inBans, _dropped, _hash, _seen.Keep(), delivering);
        for (var i = 0; i < _rules.Length; i++)
        {
            lock (_gate)
            {
                if (_rules[i] is var rule && (rule.Hits > 0 || rule.MessagesAfter > 0))
                    kept.Rules.Add(new(i, rule.Hits, rule.FirstHits, rule.MessagesAfter, rule.Clients.Keep()));
            }
        }

        var zero = _anvil.TimeOf(0).ToUnixTimeSeconds();
        var known = new HashSet<ClientRange>();
        for (var from = 0; TryKeep(from, kept.Clients, known, zero); from += Slice)
        {
        }

        return kept;
    }

    /// <summary>Goes on where an earlier process was. What there is by now is forgotten.</summary>
    public void Restore(ShadowKept kept)
    {
        var (now, zero) = (_anvil.Second, _anvil.TimeOf(0).ToUnixTimeSeconds());
        lock (_gate)
        {
            _hash = kept.Hash;
            Clear();
            (_seen, _delivering) = (new(_hash, kept.Seen), new(_hash, kept.Delivering));
            // Where the clock was set back since, nothing is of later than now.
            _since = kept.Since < _since ? kept.Since : _since;
            (_delay, _after, _inBans, _dropped) = (kept.Delay, kept.After, kept.InBans, kept.Dropped);
            foreach (var rule in kept.Rules)
            {
                _rules[rule.Rule] = new(new(_hash, rule.Clients)) { Hits = rule.Hits, FirstHits = rule.FirstHits, MessagesAfter = rule.MessagesAfter };
            }

            foreach (var client in kept.Clients.OrderBy(static client => client.Hits.Max(static hits => hits.LastAt)))
            {
                var its = Find(new(_service.Name, client.Client));
                (its.Name, its.Delivers) = (client.Name, client.Delivers);
                foreach (var hits in client.Hits)
                    its.Of(hits.Rule).Restore(hits, SecondOf);
            }
        }

        int SecondOf(long at) => (int)Math.Clamp(at - zero, int.MinValue, now);
    }

    /// <summary>
    /// What there is, copied: the counts at once, then the clients in slices, so that sessions wait for one slice at most. What happens meanwhile may be
    /// in it or not.
    /// </summary>
    /// <param name="most">Clients that deliver mail that are told of.</param>
    public ShadowSummary Summarize(int most)
    {
        ShadowSummary counts;
        (DistinctCount Seen, DistinctCount Delivering) distinct;
        var rules = new (DistinctCount Clients, ShadowRuleSummary Counts)[_rules.Length];
        lock (_gate)
        {
            distinct = (_seen.Look(), _delivering.Look());
            for (var i = 0; i < rules.Length; i++)
                rules[i] = (_rules[i].Clients.Look(), new(i, 0, false, _rules[i].Hits, _rules[i].FirstHits, 0, _rules[i].MessagesAfter));
            counts = new(_since, 0, false, 0, false, [], []) { Delay = _delay, After = _after, InBans = _inBans, Dropped = _dropped };
        }

        var candidates = new List<ShadowCandidate>();
        for (var from = 0; TryCopy(from, candidates); from += Slice)
        {
        }

        var delivering = new int[rules.Length];
        foreach (var one in candidates)
            delivering[one.Rule] += one.Hits > 0 ? 1 : 0;
        return counts with
        {
            Clients = distinct.Seen.Count,
            AreClientsEstimated = distinct.Seen.IsEstimate,
            Delivering = distinct.Delivering.Count,
            AreDeliveringEstimated = distinct.Delivering.IsEstimate,
            Rules = [.. rules.Select(rule => rule.Counts with
            {
                Clients = rule.Clients.Count,
                AreClientsEstimated = rule.Clients.IsEstimate,
                Delivering = delivering[rule.Counts.Rule],
            })],
            Candidates = [.. candidates
                .OrderByDescending(static one => one.MessagesAfter).ThenByDescending(static one => one.Windows)
                .ThenBy(static one => one.Client.ToString(), StringComparer.Ordinal).Take(most)],
            CandidateCount = candidates.Count,
        };
    }

    // False: there are no more.
    private bool TryCopy(int from, List<ShadowCandidate> candidates)
    {
        lock (_gate)
        {
            for (var i = from; i < from + Slice && i < _places.Count; i++)
            {
                var client = _places[i];
                foreach (var rule in client.Delivers ? client.Rules : [])
                    candidates.Add(new(client.Key.Client, client.Name, rule.Rule, rule.Most, rule.Hits, rule.Windows, rule.MessagesAfter));
            }

            return from + Slice < _places.Count;
        }
    }

    // False: there are no more.
    private bool TryKeep(int from, List<ShadowKeptClient> clients, HashSet<ClientRange> known, long zero)
    {
        lock (_gate)
        {
            for (var i = from; i < from + Slice && i < _places.Count; i++)
            {
                var client = _places[i];
                // One that went and came again between two slices has another place.
                if (known.Add(client.Key.Client))
                    clients.Add(new(client.Key.Client, client.Name, client.Delivers, [.. client.Rules.Select(rule => rule.Keep(second => zero + second))]));
            }

            return from + Slice < _places.Count;
        }
    }

    [MemberNotNull(nameof(_seen), nameof(_delivering))]
    private void Clear()
    {
        _changes++;
        _clients.Clear();
        _order.Clear();
        _places.Clear();
        for (var i = 0; i < _rules.Length; i++)
            _rules[i] = new(new(_hash));
        (_seen, _delivering, _since, _delay, _after, _inBans, _dropped) = (new(_hash), new(_hash), _time.GetUtcNow(), default, 0, 0, 0);
    }

    private ShadowClient Find(in AnvilKey key)
    {
        if (_clients.TryGetValue(key, out var node))
        {
            _order.Remove(node);
        }
        else
        {
            node = new(new(key, _clients.Count == Capacity ? MakeRoom() : _places.Count));
            if (node.Value.Place == _places.Count)
                _places.Add(node.Value);
            else
                _places[node.Value.Place] = node.Value;
            _clients.Add(key, node);
        }

        _order.AddLast(node);
        return node.Value;
    }

    // Who delivers mail is what the report is for: such a client goes behind the others, and only where there are no others. The place that is free now.
    private int MakeRoom()
    {
        for (var i = 0; i < LooksForRoom && _order.First is { Value.Delivers: true } first; i++)
        {
            _order.Remove(first);
            _order.AddLast(first);
        }

        var gone = _order.First!.Value;
        _clients.Remove(gone.Key);
        _order.RemoveFirst();
        _dropped++;
        return gone.Place;
    }

    private bool MayLog(int second)
    {
        if (second != _lineSecond)
            (_lineSecond, _lines) = (second, 0);
        return ++_lines <= MostLines;
    }
}
