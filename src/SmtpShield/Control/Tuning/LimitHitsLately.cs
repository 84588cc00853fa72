using SmtpShield.Metrics;
using SmtpShield.Options;

namespace SmtpShield.Control.Tuning;

/// <summary>
/// How often limits were hit lately, from the counters of the metrics, which it looks at once a minute: so a number may be of up to a minute more.
/// </summary>
/// <remarks>The last hour, 61 numbers for each rule and service, 6 KB a service; above 32 services none.</remarks>
internal sealed class LimitHitsLately : IDisposable
{
    /// <summary>As far back as it goes.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private static readonly TimeSpan _interval = TimeSpan.FromMinutes(1);
    private static readonly int _kept = (int)(Longest / _interval) + 1;

    private readonly ShieldMetrics _metrics;
    private readonly ShieldSnapshot _snapshot;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Queue<(long At, Dictionary<string, long[]> Hits)> _looks = new();
    private readonly ITimer _timer;

    /// <summary>Begins to look.</summary>
    public LimitHitsLately(ShieldMetrics metrics, ShieldSnapshot snapshot, TimeProvider time)
    {
        (_metrics, _snapshot, _time) = (metrics, snapshot, time);
        Look();
        _timer = time.CreateTimer(static hits => ((LimitHitsLately)hits!).Look(), this, _interval, _interval);
    }

    /// <summary>How often a service's limit was hit.</summary>
    /// <param name="service">The service.</param>
    /// <param name="rule">The limit's parameter.</param>
    /// <param name="within">In the last how much time, an hour at most; since the start if that is less.</param>
    /// <returns>Null: its hits are not counted, or not apart.</returns>
    public long? Of(string service, string rule, TimeSpan within)
    {
        var its = _metrics.OfService(service);
        if (its.Label == ShieldMetrics.Other || LimitRules.Find(rule) is not { } index)
            return null;
        lock (_gate)
        {
            var from = _looks.LastOrDefault(look => _time.GetElapsedTime(look.At) >= within, _looks.Peek());
            return its.HitsOf(index) - (from.Hits.TryGetValue(service, out var hits) ? hits[index] : 0);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var hits = new Dictionary<string, long[]>(StringComparer.Ordinal);
        foreach (var service in _snapshot.Served)
        {
            if (_metrics.OfService(service) is { Label: not ShieldMetrics.Other } its)
                hits[service] = [.. Enumerable.Range(0, LimitRules.All.Count).Select(its.HitsOf)];
        }

        lock (_gate)
        {
            if (_looks.Count == _kept)
                _looks.Dequeue();
            _looks.Enqueue((_time.GetTimestamp(), hits));
        }
    }
}
