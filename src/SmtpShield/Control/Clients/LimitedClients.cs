using SmtpShield.Limits;

namespace SmtpShield.Control.Clients;

/// <summary>
/// How many clients a limit refuses what they do next. Found by a pass over the table, which copies a few records at a time; one in <see cref="Interval"/> at
/// most, whoever asks.
/// </summary>
internal sealed class LimitedClients(AnvilTable table, ClientRules rules, TimeProvider time)
{
    /// <summary>How old what is said may be: a pass over a million clients takes some hundredths of a second of processor time.</summary>
    /// <value>5 seconds.</value>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private LimitedCounts? _last;
    private long _at;

    /// <summary>How many there are, or were less than <see cref="Interval"/> ago.</summary>
    public LimitedCounts Read()
    {
        lock (_gate)
        {
            if (_last is null || time.GetElapsedTime(_at) >= Interval)
                (_last, _at) = (Count(), time.GetTimestamp());
            return _last;
        }
    }

    private LimitedCounts Count()
    {
        var services = new Service?[byte.MaxValue + 1];
        var total = 0;
        table.Scan((records, now, window) =>
        {
            foreach (ref var entry in records)
            {
                if (entry.IsFree || entry.IsExpired(now, window.Unit))
                    continue;
                var its = services[entry.Service] ??= new(rules.Of(table.ServiceOf(entry.Service)));
                entry.Roll(now, window);
                if (its.Rules.RefusingOf(entry, now, window) is not (> 0 and var refusing) || rules.IsExempt(its.Rules, entry.Client))
                    continue;

                total++;
                its.Note(refusing);
            }
        });
        return new(total, services.OfType<Service>().SelectMany(static its => its.Counts()).ToDictionary(static one => one.Key, static one => one.Value));
    }

    private sealed class Service(ServiceRules rules)
    {
        private readonly string[] _names = [.. rules.Rules.Select(static rule => rule.Limit.Parameter)];
        private readonly int[] _counts = new int[rules.Rules.Count()];

        public ServiceRules Rules => rules;

        public void Note(uint refusing)
        {
            for (var i = 0; i < _counts.Length; i++)
                _counts[i] += (int)(refusing >> i & 1);
        }

        public IEnumerable<KeyValuePair<(string Service, string Rule), int>> Counts() =>
            _names.Zip(_counts, (name, count) => KeyValuePair.Create((rules.Service, name), count));
    }
}
