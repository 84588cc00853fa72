using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Hosting;

namespace SmtpShield.Listening;

/// <summary>
/// Stops accepting while the heap is near its limit, which .NET does not survive reaching, and ends sessions when it comes nearer all the same. What
/// sessions need is bounded already (<see cref="SessionBound"/>); this is for all else: a full table of clients, a reload of large lists, sessions that
/// take more than was reckoned with.
/// </summary>
internal sealed partial class MemoryGuard(
    ConnectionRoom room, IOpenSessions sessions, IHeap heap, ProcessResources resources, TimeProvider time, ILogger<MemoryGuard> logger) : BackgroundService
{
    // Percent of the limit. The rest is for what is allocated between two looks, and for the collector itself; it accepts again only where it
    // does not have to stop at once.
    private const int UrgentAt = 95;
    private const int ShedsAt = 90;
    private const int StopsAt = 80;
    private const int GoesOnAt = 70;

    // Of an interval no more than this part goes into collections: they stop every session.
    private const int CollectionShare = 10;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    // A full collection of 100 MB takes some 50 ms: not at each look, unless the process is at stake.
    private static readonly TimeSpan BetweenCollections = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan BetweenUrgentCollections = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan WarningInterval = TimeSpan.FromSeconds(60);

    private long? _collectedAt;
    private TimeSpan _collectionTook;
    private long? _warnedAt;
    private int _shed;
    private bool _isShedding;
    private bool _hasWarned;

    /// <summary>Stops accepting, goes on, or ends sessions.</summary>
    /// <param name="inUse">Octets of the heap in use, garbage included.</param>
    /// <param name="collect">Collects the garbage and answers with what is in use then.</param>
    internal void Look(long inUse, Func<long> collect)
    {
        if (PercentOf(inUse) < (room.IsPaused ? GoesOnAt : StopsAt))
        {
            GoOn(inUse);
            return;
        }

        if (_collectedAt is { } collectedAt && time.GetElapsedTime(collectedAt) < Pause(isUrgent: _isShedding || PercentOf(inUse) >= UrgentAt))
            return;

        var begun = time.GetTimestamp();
        inUse = collect();
        _collectedAt = time.GetTimestamp();
        _collectionTook = time.GetElapsedTime(begun, _collectedAt.Value);
        if (PercentOf(inUse) >= StopsAt)
            Stop(inUse);
        else if (PercentOf(inUse) < GoesOnAt)
            GoOn(inUse);
        if (_isShedding ? room.IsPaused : PercentOf(inUse) >= ShedsAt)
            Shed(inUse);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                Look(heap.InUse, heap.Collect);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }
    }

    private double PercentOf(long inUse) => inUse * 100d / resources.Memory;

    private TimeSpan Pause(bool isUrgent)
    {
        var least = _collectionTook * (CollectionShare - 1);
        var pause = isUrgent ? BetweenUrgentCollections : BetweenCollections;
        return pause > least ? pause : least;
    }

    private void Stop(long inUse)
    {
        if (room.TryPause())
            Log.Paused(logger, inUse >> 20, resources.Memory >> 20);
    }

    private void GoOn(long inUse)
    {
        EndShedding(inUse);
        if (room.TryResume())
            Log.Resumed(logger, inUse >> 20, resources.Memory >> 20);
    }

    // Once begun it goes on until clients are accepted again, or what sessions hold is not what memory is short of.
    private void Shed(long inUse)
    {
        var isUrgent = PercentOf(inUse) >= ShedsAt;
        var shed = sessions.Shed(inUse - (resources.Memory / 100 * GoesOnAt), isUrgent);
        _shed += shed;
        if (shed == 0 && !isUrgent)
            EndShedding(inUse);
        else if (!_isShedding)
            BeginShedding(inUse);
    }

    private void BeginShedding(long inUse)
    {
        _isShedding = true;
        if (_warnedAt is { } warned && time.GetElapsedTime(warned) < WarningInterval)
            return;

        _warnedAt = time.GetTimestamp();
        _hasWarned = true;
        Log.Shedding(logger, inUse >> 20, resources.Memory >> 20);
    }

    private void EndShedding(long inUse)
    {
        if (!_isShedding)
            return;

        _isShedding = false;
        if (!_hasWarned)
            return;

        _hasWarned = false;
        Log.Shed(logger, _shed, inUse >> 20, resources.Memory >> 20);
        _shed = 0;
    }

    private static partial class Log
    {
        [LoggerMessage(1051, LogLevel.Warning, "memory is short: {InUse} of {Limit} MiB are in use; no client is accepted until there is room "
            + "(DOTNET_GCHeapHardLimit, or 75 % of a container's limit and of systemd MemoryMax=)", EventName = "MemoryShort")]
        public static partial void Paused(ILogger logger, long inUse, long limit);

        [LoggerMessage(1052, LogLevel.Information, "memory is no longer short: {InUse} of {Limit} MiB are in use; clients are accepted again",
            EventName = "MemorySuffices")]
        public static partial void Resumed(ILogger logger, long inUse, long limit);

        [LoggerMessage(1053, LogLevel.Warning, "memory is nearly used up: {InUse} of {Limit} MiB are in use; sessions are ended with 421, "
            + "those that hold most first; to avoid this condition, raise the memory limit or lower default_process_limit", EventName = "MemoryUsedUp")]
        public static partial void Shedding(ILogger logger, long inUse, long limit);

        [LoggerMessage(1054, LogLevel.Warning, "sessions are no longer ended: {Sessions} were, for want of memory, and {InUse} of {Limit} MiB are in use",
            EventName = "SessionsShed")]
        public static partial void Shed(ILogger logger, int sessions, long inUse, long limit);
    }
}
