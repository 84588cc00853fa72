using Microsoft.Extensions.Hosting;
using SmtpShield.Metrics;

namespace SmtpShield.Control.Upstreams;

/// <summary>
/// How MTAs have answered lately, from the counters of the metrics: over the last 60 to 70 seconds, or since the start if that is less. It looks at them every
/// ten seconds, and keeps seven looks at as many MTAs as have series of their own.
/// </summary>
internal sealed class RecentReplies(ShieldMetrics metrics, TimeProvider time) : IHostedService, IDisposable
{
    private const int Kept = 7;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Queue<(long At, Dictionary<string, DestinationTotals> Of)> _looks = new();
    private ITimer? _timer;

    /// <summary>How an MTA has answered.</summary>
    /// <param name="name">As configured, <c>host:port</c>.</param>
    /// <returns>Null: that is not known of it by itself.</returns>
    public RepliesLately? Of(string name)
    {
        var its = metrics.OfDestination(name);
        if (its.Label == ShieldMetrics.Other)
            return null;
        (long At, DestinationTotals? Totals) since;
        lock (_gate)
        {
            if (!_looks.TryPeek(out var oldest))
                return null;
            since = (oldest.At, oldest.Of.GetValueOrDefault(its.Label));
        }

        var now = its.Totals;
        var replies = now.Commands.Since(since.Totals?.Commands);
        // In a shorter time, behind the start, there are as many as there were.
        var minutes = Math.Max(1, time.GetElapsedTime(since.At) / Minute);
        return new(
            Time(replies.Quantile(0.5)), Time(replies.Quantile(0.99)),
            (int)Math.Ceiling((now.FailedDials - (since.Totals?.FailedDials ?? 0)) / minutes));
    }

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken)
    {
        Look();
        _timer = time.CreateTimer(static replies => ((RecentReplies)replies!).Look(), this, Interval, Interval);
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _timer?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public void Dispose() => _timer?.Dispose();

    private static TimeSpan? Time(double? seconds) => seconds is { } known ? TimeSpan.FromSeconds(known) : null;

    private void Look()
    {
        var look = (time.GetTimestamp(), metrics.Destinations.ToDictionary(
            static its => its.Label, static its => its.Totals, StringComparer.OrdinalIgnoreCase));
        lock (_gate)
        {
            if (_looks.Count == Kept)
                _looks.Dequeue();
            _looks.Enqueue(look);
        }
    }
}
