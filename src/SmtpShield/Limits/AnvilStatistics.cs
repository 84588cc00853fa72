using System.Globalization;
using Microsoft.Extensions.Logging;
using SmtpShield.Options;

namespace SmtpShield.Limits;

/// <summary>The largest counts over all clients since the last report, and anvil's log lines about them, in its form and order (anvil.c).</summary>
internal sealed partial class AnvilStatistics
{
    private readonly ShieldSnapshot _snapshot;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly AnvilPeak _connectionRate;
    private readonly AnvilPeak _connectionCount;
    private readonly AnvilPeak _size;
    private readonly AnvilPeak[] _eventRates = new AnvilPeak[AnvilEvents.Count];

    /// <summary>Makes statistics that start at 0.</summary>
    public AnvilStatistics(ShieldSnapshot snapshot, TimeProvider time, ILogger<AnvilStatistics> log)
    {
        _snapshot = snapshot;
        _time = time;
        _log = log;
        _connectionRate = new(time);
        _connectionCount = new(time);
        _size = new(time);
        for (var i = 0; i < _eventRates.Length; i++)
            _eventRates[i] = new(time);
    }

    /// <summary>Notes a client's counts after it connected.</summary>
    public void NoteConnection(in AnvilKey key, in AnvilCounts counts)
    {
        if ((_connectionRate.IsBelow(counts.ConnectionRate) || _connectionCount.IsBelow(counts.ConnectionCount)) && !IsAnySet(key))
            return;

        _connectionRate.Note(counts.ConnectionRate, key);
        _connectionCount.Note(counts.ConnectionCount, key);
    }

    /// <summary>Notes a client's events of a kind.</summary>
    public void NoteEvent(in AnvilKey key, AnvilEvent kind, int count)
    {
        if (_eventRates[(int)kind].IsBelow(count) && IsOn(ClientLimits.Of(kind), _snapshot.Current.Of(key.Service)))
            _eventRates[(int)kind].Note(count, key);
    }

    /// <summary>Notes the table's size. Called only when a record was made, so an interval without new clients has no such line (anvil.c).</summary>
    /// <param name="size">Records there are.</param>
    /// <param name="key">Whose was made.</param>
    public void NoteSize(int size, in AnvilKey key)
    {
        if (_size.IsBelow(size) && IsAnySet(key))
            _size.Note(size, default);
    }

    /// <summary>Logs the maxima that are above 0, and starts again.</summary>
    public void LogAndReset()
    {
        var options = _snapshot.Current;
        var unit = AnvilWindow.Of(options.Anvil).Unit;
        if (_connectionRate.Take() is { Value: > 0 } rate)
            Log.MaxRate(_log, ClientLimits.ConnectionRate.StatisticsName!, rate.Value, unit, rate.Key, LocalTime(rate.At));
        if (_connectionCount.Take() is { Value: > 0 } count)
            Log.MaxConnectionCount(_log, count.Value, count.Key, LocalTime(count.At));
        foreach (var limit in ClientLimits.All)
        {
            if (limit.Event is { } kind && _eventRates[(int)kind].Take() is { Value: > 0 } events && IsOn(limit, options.Of(events.Key.Service)))
                Log.MaxRate(_log, limit.StatisticsName!, events.Value, unit, events.Key, LocalTime(events.At));
        }

        if (_size.Take() is { Value: > 0 } size)
            Log.MaxCacheSize(_log, size.Value, LocalTime(size.At));
    }

    // What is counted although no limit is on it, anvil would not have counted. A limit may be set for times of stress only, ${stress?{5}:{0}}.
    private bool IsAnySet(in AnvilKey key)
    {
        var options = _snapshot.Current.Of(key.Service);
        return ClientLimits.IsAnySet(options.Limits) || (options.UnderStress is { } stressed && ClientLimits.IsAnySet(stressed.Limits));
    }

    private static bool IsOn(ClientLimit limit, ShieldOptions options) =>
        limit.IsOn(options.Limits) || (options.UnderStress is { } stressed && limit.IsOn(stressed.Limits));

    private string LocalTime(DateTimeOffset at)
    {
        var local = TimeZoneInfo.ConvertTime(at, _time.LocalTimeZone);
        return string.Create(CultureInfo.InvariantCulture, $"{local:MMM} {local.Day,2} {local:HH:mm:ss}");
    }

    private static partial class Log
    {
        [LoggerMessage(1300, LogLevel.Information, "statistics: max {Event} rate {Rate}/{Unit}s for ({Client}) at {Time}")]
        public static partial void MaxRate(ILogger logger, string @event, int rate, int unit, AnvilKey client, string time);

        [LoggerMessage(1301, LogLevel.Information, "statistics: max connection count {Count} for ({Client}) at {Time}")]
        public static partial void MaxConnectionCount(ILogger logger, int count, AnvilKey client, string time);

        [LoggerMessage(1302, LogLevel.Information, "statistics: max cache size {Size} at {Time}")]
        public static partial void MaxCacheSize(ILogger logger, int size, string time);
    }
}
