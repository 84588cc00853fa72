using Microsoft.Extensions.Logging;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Options;

namespace SmtpShield.Shadow;

/// <summary>What limits in shadow would have done at one service, since it began or was reset; it decides nothing.</summary>
/// <remarks>
/// At most <see cref="Capacity"/> clients are remembered by themselves; then the one goes that was hit least recently and delivers no mail, and stays in the
/// counts. A would-be hit takes a lock and a look-up.
/// </remarks>
internal sealed class ShadowBook(ShieldService service, AnvilTable anvil, ServiceMetrics metrics, TimeProvider time, ILogger<ShadowBook> log)
{
    /// <summary>Clients that are remembered by themselves.</summary>
    public const int Capacity = 16384;

    /// <summary>Lines a second about all clients together.</summary>
    public const int MostLines = 50;

    // Looked at for one that delivers nothing, when room is needed.
    private const int LooksForRoom = 16;

    // Rates of what is counted and judged at the same time: open connections come and go, and the others are judged again by the count there was.
    private static readonly bool[] _areCountedAtEachHit = [.. ShadowRules.All.Select(static rule => ClientLimits.All.Any(limit =>
        limit.Parameter == rule.Name && limit is { IsOnOpenConnections: false, CountsBeforeJudging: true, Event: not AnvilEvent.NewTlsSession }))];

    private readonly Lock _gate = new();
    private readonly Dictionary<AnvilKey, LinkedListNode<ShadowClient>> _clients = [];
    private readonly LinkedList<ShadowClient> _order = new();
    private readonly ShadowRuleCount[] _rules = [.. ShadowRules.All.Select(static _ => new ShadowRuleCount())];
    private DistinctClients _seen = new();
    private DistinctClients _delivering = new();
    private DateTimeOffset _since = time.GetUtcNow();
    private TimeSpan _delay;
    private long _after;
    private long _dropped;
    private int _lineSecond;
    private int _lines;

    /// <summary>Where lines about its clients go.</summary>
    public ILogger Log => log;

    /// <summary>A client connects, and is judged.</summary>
    public void NoteSeen(in AnvilKey key)
    {
        lock (_gate)
            _seen.Add(key.Client);
    }

    /// <summary>A limit would have been hit.</summary>
    /// <param name="key">By whom.</param>
    /// <param name="name">Its name.</param>
    /// <param name="rule">Which.</param>
    /// <param name="count">What was counted.</param>
    /// <param name="limit">What it was compared with.</param>
    /// <returns>Whether a line about it may be logged.</returns>
    public bool NoteHit(in AnvilKey key, string name, string rule, int count, int limit)
    {
        metrics.NoteShadowHit(rule);
        var index = ShadowRules.IndexOf(rule);
        var second = anvil.Second;
        var options = service.Unstressed.Anvil;
        var unit = options.RateTimeUnit;
        var growsInWindow = options.RateWindow == RateWindow.Fixed && _areCountedAtEachHit[index];
        var delivers = anvil.Delivering.HasDelivered(key.Client, 2 * unit);
        lock (_gate)
        {
            var client = Find(key);
            client.Name = name;
            client.Delivers |= delivers;
            var its = client.Of(index, out var isNew);
            var all = _rules[index];
            all.Hits++;
            if (isNew)
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
            _after++;
    }

    /// <summary>A reply would have been delayed.</summary>
    public void NoteDelay(TimeSpan delay)
    {
        lock (_gate)
            _delay += delay;
    }

    /// <summary>The MTA has accepted a message.</summary>
    /// <param name="key">Whose.</param>
    /// <param name="rule">The rule that would have kept it away; null: none.</param>
    public void NoteMessage(in AnvilKey key, string? rule)
    {
        lock (_gate)
        {
            _delivering.Add(key.Client);
            if (rule is not null)
                _rules[ShadowRules.IndexOf(rule)].MessagesAfter++;
            if (!_clients.TryGetValue(key, out var node))
                return;

            node.Value.Delivers = true;
            if (rule is not null)
                node.Value.Of(ShadowRules.IndexOf(rule), out _).MessagesAfter++;
        }
    }

    /// <summary>Begins anew.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _clients.Clear();
            _order.Clear();
            for (var i = 0; i < _rules.Length; i++)
                _rules[i] = new();
            (_seen, _delivering, _since, _delay, _after, _dropped) = (new(), new(), time.GetUtcNow(), default, 0, 0);
        }
    }

    /// <summary>What there is, copied.</summary>
    /// <param name="most">Clients that deliver mail that are told of.</param>
    public ShadowSummary Summarize(int most)
    {
        lock (_gate)
        {
            var delivering = _order.Where(static client => client.Delivers).ToList();
            var rules = _rules.Select((count, index) => new ShadowRuleSummary(
                index,
                count.Clients.Count,
                count.Clients.IsEstimate,
                count.Hits,
                count.FirstHits,
                delivering.Count(client => client.Rules.Any(rule => rule.Rule == index && rule.Hits > 0)),
                count.MessagesAfter));
            var candidates = delivering
                .SelectMany(static client => client.Rules, static (client, rule) =>
                    new ShadowCandidate(client.Key.Client, client.Name, rule.Rule, rule.Most, rule.Hits, rule.Windows, rule.MessagesAfter))
                .OrderByDescending(static one => one.MessagesAfter).ThenByDescending(static one => one.Windows)
                .ThenBy(static one => one.Client.ToString(), StringComparer.Ordinal).ToList();
            return new(_since, _seen.Count, _seen.IsEstimate, _delivering.Count, _delivering.IsEstimate, [.. rules], [.. candidates.Take(most)])
            {
                CandidateCount = candidates.Count,
                Delay = _delay,
                After = _after,
                Dropped = _dropped,
            };
        }
    }

    private ShadowClient Find(in AnvilKey key)
    {
        if (_clients.TryGetValue(key, out var node))
        {
            _order.Remove(node);
        }
        else
        {
            if (_clients.Count == Capacity)
                MakeRoom();
            node = new(new(key));
            _clients.Add(key, node);
        }

        _order.AddLast(node);
        return node.Value;
    }

    // Who delivers mail is what the report is for: such a client goes behind the others, and only where there are no others.
    private void MakeRoom()
    {
        for (var i = 0; i < LooksForRoom && _order.First is { Value.Delivers: true } first; i++)
        {
            _order.Remove(first);
            _order.AddLast(first);
        }

        _clients.Remove(_order.First!.Value.Key);
        _order.RemoveFirst();
        _dropped++;
    }

    private bool MayLog(int second)
    {
        if (second != _lineSecond)
            (_lineSecond, _lines) = (second, 0);
        return ++_lines <= MostLines;
    }
}
