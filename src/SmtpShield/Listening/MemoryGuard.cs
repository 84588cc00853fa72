using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Listening;

/// <summary>
/// Stops accepting while the heap is near its limit, which .NET does not survive reaching. What sessions need is bounded already (<see cref="SessionBound"/>); this is for all else:
/// a full table of clients, a reload of large lists, a limit that leaves less than was reckoned with.
/// </summary>
internal sealed partial class MemoryGuard(ConnectionRoom room, ProcessResources resources, TimeProvider time, ILogger<MemoryGuard> logger) : BackgroundService
{
    // Percent of the limit. The rest is for what is allocated between two looks, and for the collector itself; it accepts again only where it does not have to stop at once.
    private const int StopsAt = 80;
    private const int GoesOnAt = 70;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    // A full collection of 100 MB takes some 50 ms: not at each look.
    private static readonly TimeSpan BetweenCollections = TimeSpan.FromSeconds(2);

    private long? _collectedAt;

    /// <summary>Stops accepting, or goes on.</summary>
    /// <param name="inUse">Octets of the heap in use, garbage included.</param>
    /// <param name="collect">Collects the garbage and answers with what is in use then.</param>
    internal void Look(long inUse, Func<long> collect)
    {
        if (PercentOf(inUse) < (room.IsPaused ? GoesOnAt : StopsAt))
        {
            GoOn(inUse);
            return;
        }

        if (_collectedAt is { } collectedAt && time.GetElapsedTime(collectedAt) < BetweenCollections)
            return;

        inUse = collect();
        _collectedAt = time.GetTimestamp();
        if (PercentOf(inUse) >= StopsAt)
            Stop(inUse);
        else if (PercentOf(inUse) < GoesOnAt)
            GoOn(inUse);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                Look(GC.GetTotalMemory(forceFullCollection: false), Collect);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }
    }

    private static long Collect()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return GC.GetTotalMemory(forceFullCollection: false);
    }

    private double PercentOf(long inUse) => inUse * 100d / resources.Memory;

    private void Stop(long inUse)
    {
        if (room.TryPause())
            Log.Paused(logger, inUse >> 20, resources.Memory >> 20);
    }

    private void GoOn(long inUse)
    {
        if (room.TryResume())
            Log.Resumed(logger, inUse >> 20, resources.Memory >> 20);
    }

    private static partial class Log
    {
        [LoggerMessage(1051, LogLevel.Warning, "memory is short: {InUse} of {Limit} MiB are in use; no client is accepted until there is room (DOTNET_GCHeapHardLimit, or 75 % of a container's limit and of systemd MemoryMax=)", EventName = "MemoryShort")]
        public static partial void Paused(ILogger logger, long inUse, long limit);

        [LoggerMessage(1052, LogLevel.Information, "memory is no longer short: {InUse} of {Limit} MiB are in use; clients are accepted again", EventName = "MemorySuffices")]
        public static partial void Resumed(ILogger logger, long inUse, long limit);
    }
}
