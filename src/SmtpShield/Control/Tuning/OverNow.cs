using SmtpShield.Clients;
using SmtpShield.Control.Clients;
using SmtpShield.Limits;

namespace SmtpShield.Control.Tuning;

/// <summary>
/// Who would be over a limit with another value, now: one pass over the table of counts, as for a list of clients, whatever number of limits is asked about.
/// </summary>
internal sealed class OverNow(AnvilTable table, ClientRules rules)
{
    /// <summary>Clients that are named.</summary>
    public const int Named = 20;

    /// <summary>How long ago a message of one that delivers mail was accepted, at most.</summary>
    public static readonly TimeSpan Lately = TimeSpan.FromDays(1);

    /// <summary>Looks at all clients, off the thread of whoever asks.</summary>
    /// <param name="asked">Which limits, at which service, and with which value.</param>
    /// <returns>A report for each that was asked about, in its order.</returns>
    public async Task<IReadOnlyList<OverReport>> FindAsync(IReadOnlyList<(string Service, ClientLimit Limit, int Value)> asked) =>
        asked.All(static one => one.Value == 0)
            ? [.. asked.Select(static _ => new OverReport(0, 0, [], Truncated: false))]
            : await Task.Run(() => Find(asked));

    private OverReport[] Find(IReadOnlyList<(string Service, ClientLimit Limit, int Value)> asked)
    {
        var found = asked.Select(one => new Found(one.Limit, one.Value, rules.Of(one.Service))).ToArray();
        var ofService = new Found[]?[byte.MaxValue + 1];
        table.Scan((records, now, window) =>
        {
            foreach (ref var entry in records)
            {
                if (entry.IsFree || entry.IsExpired(now, window.Unit))
                    continue;
                var service = entry.Service;
                var its = ofService[service] ??= [.. found.Where(one => one.Rules.Service == table.ServiceOf(service))];
                if (its.Length == 0)
                    continue;
                entry.Roll(now, window);
                foreach (var one in its)
                    Look(one, entry, now, window);
            }
        });
        return [.. found.Select(static one => one.Report())];
    }

    private void Look(Found one, in AnvilEntry entry, int now, AnvilWindow window)
    {
        var count = ServiceRules.CountIn(entry, one.Index, now, window);
        if (one.Limit.RefusesNext(count, one.Value) && !rules.IsExempt(one.Rules, entry.Client))
            one.Add(entry.Client, count, table.Delivering.HasDelivered(entry.Client, Lately));
    }

    private sealed class Found(ClientLimit limit, int value, ServiceRules rules)
    {
        private readonly PriorityQueue<OverClient, (bool Delivers, int Count)> _first = new();
        private int _clients;
        private int _deliver;

        public ClientLimit Limit => limit;

        public int Value => value;

        public ServiceRules Rules => rules;

        public int Index { get; } = ServiceRules.IndexOf(limit);

        public void Add(in ClientRange client, int count, bool delivers)
        {
            _clients++;
            _deliver += delivers ? 1 : 0;
            if (_first.Count < Named)
                _first.Enqueue(new($"{client}", count, delivers), (delivers, count));
            else if (_first.TryPeek(out _, out var last) && (delivers, count).CompareTo(last) > 0)
                _first.EnqueueDequeue(new($"{client}", count, delivers), (delivers, count));
        }

        public OverReport Report()
        {
            var named = new OverClient[_first.Count];
            for (var i = named.Length - 1; i >= 0; i--)
                named[i] = _first.Dequeue();
            return new(_clients, _deliver, named, _clients > named.Length);
        }
    }
}
