using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Control.Events;
using SmtpShield.Control.Monitoring;
using SmtpShield.Control.Upstreams;
using SmtpShield.Hosting;
using SmtpShield.Options;

namespace SmtpShield.Control.Series;

/// <summary>
/// Looks once a second: a point for each series, and for who watches the stream what has changed of MTAs and stress. It does nothing where nobody can ask.
/// </summary>
internal sealed partial class EverySecond(
    ShieldSnapshot snapshot, ServiceScopes scopes, MetricsReader metrics, SeriesStore store, EventStream stream, ClientEventFeed clients, BanFeed bans,
    LogTail log, IUpstreamControl upstreams, TimeProvider time, ILogger<EverySecond> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Dictionary<(string Service, string Name), string> _states = [];
    private readonly Dictionary<string, bool> _stress = new(StringComparer.Ordinal);
    private readonly AtMostOnce _failures = new(time, TimeSpan.FromMinutes(1));
    private long _readAt;

    /// <summary>Looks.</summary>
    internal void Look()
    {
        stream.Rest();
        clients.Renew();
        bans.Renew();
        log.Renew();
        var at = time.GetUtcNow();
        var seconds = _readAt == 0 ? Interval.TotalSeconds : time.GetElapsedTime(_readAt).TotalSeconds;
        _readAt = time.GetTimestamp();
        var points = store.Add(metrics.ReadAnew(), at, seconds);
        if (stream.IsWatched(StreamTopic.Stats))
            stream.Publish(StreamTopic.Stats, new StatsEvent(at, ValuesOf(points)));
        LookAtStress(at);
        LookAtUpstreams(at);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!snapshot.Current.Control.IsAsked)
            return;

        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                TryLook();
        }
        catch (OperationCanceledException)
        {
            // The program stops.
        }
    }

    // Whatever fails here, mail goes on: an exception would end the program.
    private void TryLook()
    {
        try
        {
            Look();
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            if (_failures.IsDue())
                LookFailed(logger, exception);
        }
    }

    [LoggerMessage(2304, LogLevel.Error, "what is shown of the running shield could not be read", EventName = "LookFailed")]
    private static partial void LookFailed(ILogger logger, Exception exception);

    private static Dictionary<string, double> ValuesOf(double[] points)
    {
        var values = new Dictionary<string, double>(points.Length);
        for (var i = 0; i < points.Length; i++)
        {
            if (SeriesApi.Shown(points[i]) is { } value)
                values[SeriesCatalog.Definitions[i].Name] = value;
        }

        return values;
    }

    private void LookAtStress(DateTimeOffset at)
    {
        foreach (var service in snapshot.Served)
        {
            var isOn = scopes.Of(service).GetRequiredService<ServiceStress>().IsOn;
            if (isOn == _stress.GetValueOrDefault(service))
                continue;
            _stress[service] = isOn;
            stream.Publish(StreamTopic.Stress, new StressEvent(at, service, isOn));
        }
    }

    // Those a reload takes away are forgotten once the list is looked through.
    private void LookAtUpstreams(DateTimeOffset at)
    {
        if (!stream.IsWatched(StreamTopic.Upstream))
        {
            _states.Clear();
            return;
        }

        var isFirst = _states.Count == 0;
        var gone = _states.Keys.ToHashSet();
        foreach (var report in upstreams.Reports)
        {
            var key = (report.Service, report.Name);
            gone.Remove(key);
            var was = _states.GetValueOrDefault(key);
            if (was == report.State)
                continue;
            _states[key] = report.State;
            if (!isFirst)
            {
                stream.Publish(
                    StreamTopic.Upstream, new UpstreamEvent(at, report.Service, report.Name, report.State) { Was = was, Reason = report.Reason });
            }
        }

        foreach (var key in gone)
            _states.Remove(key);
    }
}
