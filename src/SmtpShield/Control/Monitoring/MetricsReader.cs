using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SmtpShield.Bans;
using SmtpShield.Control.Banning;
using SmtpShield.Control.Clients;
using SmtpShield.Control.Tuning;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Listening;
using SmtpShield.Metrics;
using SmtpShield.Mta;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Tls;

namespace SmtpShield.Control.Monitoring;

/// <summary>
/// Reads all metrics: what is counted as it happens, and what others know anyway. At most once a second, however many ask. It holds no lock of a session's.
/// </summary>
internal sealed class MetricsReader(
    ShieldMetrics metrics, ShieldSnapshot snapshot, ServiceScopes scopes, SessionCapacity capacity, AnvilTable table, CounterSharing sharing,
    BanTable bans, AutomaticBans automatic, FirewallHelper helper, UpstreamMaintenance upstreams, LimitedClients limited,
    IEnumerable<ILoggerProvider> providers, TimeProvider time, ShieldConfigurationWatcher? watcher = null, Overrides? overrides = null)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly string[] _levels = ["debug", "information", "warning", "error", "critical"];

    private readonly MaillogLoggerProvider? _log = providers.OfType<MaillogLoggerProvider>().FirstOrDefault();
    private readonly EventLogProvider? _eventLog = providers.OfType<EventLogProvider>().FirstOrDefault();
    private readonly DateTimeOffset _started = time.GetUtcNow();
    private readonly Lock _gate = new();
    private MetricSamples? _samples;
    private byte[]? _plain;
    private byte[]? _openMetrics;
    private long _readAt;

    /// <summary>All metrics as they are, or were less than a second ago.</summary>
    public MetricSamples Read()
    {
        lock (_gate)
            return _samples is not null && time.GetElapsedTime(_readAt) < Interval ? _samples : ReadAnew();
    }

    /// <summary>All metrics as they are, for the one who asks each second whoever else does.</summary>
    public MetricSamples ReadAnew()
    {
        lock (_gate)
        {
            var samples = new MetricSamples();
            metrics.Collect(samples);
            var counts = limited.Read();
            foreach (var service in snapshot.Served)
                ReadService(samples, service, counts);
            ReadUpstreams(samples);
            ReadTable(samples);
            ReadLog(samples);
            ReadConfiguration(samples);
            ReadOverrides(samples);
            ReadProcess(samples);
            _readAt = time.GetTimestamp();
            (_plain, _openMetrics) = (null, null);
            return _samples = samples;
        }
    }

    /// <summary>The same as text, written once for all who ask within a second.</summary>
    public byte[] ReadText(bool isOpenMetrics)
    {
        lock (_gate)
        {
            var samples = Read();
            return isOpenMetrics
                ? _openMetrics ??= MetricsText.Write(samples, isOpenMetrics: true)
                : _plain ??= MetricsText.Write(samples, isOpenMetrics: false);
        }
    }

    private void ReadService(MetricSamples samples, string service, LimitedCounts counts)
    {
        var its = scopes.Of(service);
        var label = metrics.OfService(service).Label;
        samples.Add(MetricCatalog.Stress, AsNumber(its.GetRequiredService<ProcessLimit>().IsUnderStress), label, "sessions");
        samples.Add(MetricCatalog.Stress, AsNumber(its.GetRequiredService<MtaPressure>().IsUnderStress), label, "upstream");
        samples.Add(MetricCatalog.Stress, AsNumber(its.GetRequiredService<ShieldService>().Unstressed.IsStressForced), label, "forced");
        foreach (var limit in ClientLimits.All)
            samples.Add(MetricCatalog.ClientsLimited, counts.ByRule.GetValueOrDefault((service, limit.Parameter)), label, limit.Parameter);
        samples.Add(MetricCatalog.BansSuspended, AsNumber(automatic.Suspended.ContainsKey(service)), label);
        samples.Add(MetricCatalog.ProcessLimit, capacity.LimitOf(service), label);
        samples.Add(MetricCatalog.HandshakesUnderWay, its.GetRequiredService<TlsServer>().UnderWay, label);
        var certificates = its.GetRequiredService<CertificateStore>().Current.All.Select(static certificate => certificate.Leaf.NotAfter).ToList();
        if (certificates.Count > 0 && label != ShieldMetrics.Other)
            samples.Add(MetricCatalog.CertificateExpiry, SecondsOf(certificates.Min()), label);
    }

    // A destination of several services is one MTA. Whether it serves each of them finds out for itself.
    private void ReadUpstreams(MetricSamples samples)
    {
        foreach (var destination in upstreams.Pictures().GroupBy(static picture => picture.Name, StringComparer.OrdinalIgnoreCase))
        {
            var label = metrics.OfDestination(destination.Key).Label;
            var picture = destination.First();
            samples.Add(MetricCatalog.UpstreamUp, AsNumber(destination.Any(Serves)), label);
            samples.Add(MetricCatalog.UpstreamSessions, picture.Sessions, label);
            samples.Add(MetricCatalog.UpstreamQueue, picture.Waiting, label);
            if (picture.LimitInForce > 0)
                samples.Add(MetricCatalog.UpstreamSessionLimit, picture.LimitInForce, label);
        }
    }

    /// <summary>Whether a destination gets sessions.</summary>
    public static bool Serves(UpstreamStatus status) => status.State is Mta.UpstreamState.Up or Mta.UpstreamState.Busy;

    private void ReadTable(MetricSamples samples)
    {
        samples.Add(MetricCatalog.ClientsTracked, table.Size);
        samples.Add(MetricCatalog.ClientTableSize, snapshot.Current.Anvil.ClientTableSize);
        samples.Add(MetricCatalog.ClientsEvicted, table.Evicted);
        samples.Add(MetricCatalog.ClientsUntracked, table.Refused);
        samples.Add(MetricCatalog.HistoryClients, table.History.Count);
        samples.Add(MetricCatalog.HistoryDropped, table.History.Dropped);
        var state = sharing.State;
        samples.Add(MetricCatalog.SharedShields, state?.Members ?? 0);
        foreach (var store in state?.Stores ?? [])
        {
            samples.Add(MetricCatalog.SharedBacklog, store.Backlog, store.Name);
            samples.Add(MetricCatalog.SharedAnswerAge, store.Age.TotalSeconds, store.Name);
        }

        samples.Add(MetricCatalog.SharedWaits, table.SharedWaits.Answered, "answered");
        samples.Add(MetricCatalog.SharedWaits, table.SharedWaits.Late, "late");
        samples.Add(MetricCatalog.SharedWaits, table.SharedWaits.Away, "away");
        var ofTheShield = bans.Automatic;
        samples.Add(MetricCatalog.Bans, ofTheShield, "shield", "auto");
        samples.Add(MetricCatalog.Bans, Math.Max(0, bans.Count - ofTheShield), "shield", "manual");
        var kernel = helper.Current;
        samples.Add(MetricCatalog.Bans, kernel?.Auto ?? 0, "kernel", "auto");
        samples.Add(MetricCatalog.Bans, kernel?.Manual ?? 0, "kernel", "manual");
        samples.Add(MetricCatalog.BansForKernel, kernel?.Wanted ?? 0);
        samples.Add(MetricCatalog.BanTableSize, snapshot.Current.Bans.TableSize);
    }

    private void ReadLog(MetricSamples samples)
    {
        if (_log is null)
            return;
        for (var i = 0; i < _levels.Length; i++)
            samples.Add(MetricCatalog.LogLines, _log.Posted(LogLevel.Debug + i), _levels[i]);
        samples.Add(MetricCatalog.LogLinesLost, _log.Lost);
        if (snapshot.Current.Log.EventLogFile.Length > 0 && _eventLog is not null)
            samples.Add(MetricCatalog.EventLogLinesLost, _eventLog.Lost);
    }

    private void ReadConfiguration(MetricSamples samples)
    {
        samples.Add(MetricCatalog.Build, 1, ShieldConfigurationWatcher.Version, RuntimeInformation.FrameworkDescription);
        if (watcher is null)
            return;
        samples.Add(MetricCatalog.ConfigReloads, watcher.Applied, "applied");
        samples.Add(MetricCatalog.ConfigReloads, watcher.Refused, "refused");
        samples.Add(MetricCatalog.ConfigValid, AsNumber(watcher.Outcome?.IsInForce ?? true));
    }

    private void ReadOverrides(MetricSamples samples)
    {
        foreach (var (service, name, one) in overrides?.InForce() ?? [])
        {
            var label = metrics.OfService(service).Label;
            if (label == ShieldMetrics.Other)
                continue;
            samples.Add(MetricCatalog.OverrideActive, 1, label, name);
            if (one.Until is { } until)
                samples.Add(MetricCatalog.OverrideEnd, SecondsOf(until.UtcDateTime), label, name);
        }
    }

    private void ReadProcess(MetricSamples samples)
    {
        samples.Add(MetricCatalog.ProcessorTime, Environment.CpuUsage.TotalTime.TotalSeconds);
        samples.Add(MetricCatalog.ResidentMemory, Environment.WorkingSet);
        samples.Add(MetricCatalog.StartTime, SecondsOf(_started.UtcDateTime));
        for (var generation = 0; generation <= GC.MaxGeneration; generation++)
            samples.Add(MetricCatalog.Collections, GC.CollectionCount(generation), $"{generation}");
        samples.Add(MetricCatalog.CollectionPauses, GC.GetTotalPauseDuration().TotalSeconds);
        samples.Add(MetricCatalog.Heap, GC.GetTotalMemory(forceFullCollection: false));
        samples.Add(MetricCatalog.Allocated, GC.GetTotalAllocatedBytes(precise: false));
        samples.Add(MetricCatalog.PoolThreads, ThreadPool.ThreadCount);
        samples.Add(MetricCatalog.PoolQueue, ThreadPool.PendingWorkItemCount);
    }

    private static int AsNumber(bool holds) => holds ? 1 : 0;

    private static double SecondsOf(DateTime moment) => (moment.ToUniversalTime() - DateTime.UnixEpoch).TotalSeconds;
}
