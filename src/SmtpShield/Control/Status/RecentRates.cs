using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Options;

namespace SmtpShield.Control.Status;

/// <summary>What is counted anyway, a second: over the last ten to twenty seconds, or since the start if that is less.</summary>
internal sealed class RecentRates(ShieldMetrics metrics, ShieldSnapshot snapshot, AnvilTable table, IEnumerable<ILoggerProvider> providers, TimeProvider time)
    : IHostedService, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly MaillogLoggerProvider? _log = providers.OfType<MaillogLoggerProvider>().FirstOrDefault();
    private readonly Lock _gate = new();
    private ITimer? _timer;
    private Counted? _older;
    private Counted? _newer;

    /// <summary>The rates.</summary>
    public RecentFigures Read()
    {
        var now = Count();
        Counted? since;
        lock (_gate)
            since = _older;
        var seconds = since is null ? 0 : time.GetElapsedTime(since.At, now.At).TotalSeconds;
        // What happened in a moment is no rate.
        if (since is null || seconds < 1)
            return new(0, new Dictionary<string, ServiceFigures>(), 0, 0, 0);
        return new(
            seconds,
            now.Services.ToDictionary(static one => one.Key, one => PerSecond(one.Value, since.Services.GetValueOrDefault(one.Key), seconds)),
            (now.LogLines - since.LogLines) / seconds, now.LogLost - since.LogLost, now.Untracked - since.Untracked);
    }

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _older = _newer = Count();
        _timer = time.CreateTimer(
            _ =>
            {
                var now = Count();
                lock (_gate)
                    (_older, _newer) = (_newer, now);
            },
            null, Interval, Interval);
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

    private static ServiceFigures PerSecond(ServiceTotals now, ServiceTotals since, double seconds) => new(
        (now.Connections - since.Connections) / seconds, (now.Accepted - since.Accepted) / seconds, (now.Refused - since.Refused) / seconds);

    private Counted Count() => new(
        time.GetTimestamp(),
        snapshot.Served.ToDictionary(static name => name, name => metrics.OfService(name).Totals),
        _log is null ? 0 : Enumerable.Range(0, 5).Sum(i => _log.Posted(LogLevel.Debug + i)), _log?.Lost ?? 0, table.Refused);

    private sealed record Counted(long At, IReadOnlyDictionary<string, ServiceTotals> Services, long LogLines, long LogLost, long Untracked);
}
