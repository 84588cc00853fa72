using Microsoft.Extensions.Hosting;

namespace SmtpShield.Hosting;

/// <summary>
/// Gives memory back when it has become quiet behind a burst of connections. The collector lets garbage grow to a multiple of the processor's cache (16 MB with
/// 32 MB of it, over 100 MB on large servers) before it looks; clients that connect and then say nothing would keep all of it resident.
/// </summary>
/// <remarks>
/// A full collection stops all sessions for some 10 ms per 10,000 held; so only when next to nothing has been allocated in the last interval, and once a burst.
/// </remarks>
internal sealed class MemoryTrim(TimeProvider time) : BackgroundService
{
    private const long Burst = 4 << 20;
    private const long Quiet = 512 << 10;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private long _allocatedAtTrim;
    private long _allocatedBefore;

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (IsQuietBehindABurst(GC.GetTotalAllocatedBytes()))
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }
    }

    /// <summary>Whether now is the time: much was allocated since the last trim, and next to nothing since the last question.</summary>
    /// <param name="allocated">Octets allocated since the program's start.</param>
    internal bool IsQuietBehindABurst(long allocated)
    {
        var isQuiet = allocated - _allocatedBefore < Quiet;
        _allocatedBefore = allocated;
        if (!isQuiet || allocated - _allocatedAtTrim < Burst)
            return false;

        _allocatedAtTrim = allocated;
        return true;
    }
}
