using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Options;

namespace SmtpShield.Limits;

/// <summary>Removes expired records from the <see cref="AnvilTable"/> every second, as exact as anvil's timers, and tells when it is full.</summary>
internal sealed partial class AnvilSweeper(AnvilTable table, ShieldSnapshot snapshot, TimeProvider time, ILogger<AnvilSweeper> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private long _lost;
    private long? _lostAt;
    private long _sweptAt = time.GetTimestamp();

    /// <summary>How long ago the last round was; since it was made, before the first one.</summary>
    public TimeSpan SinceSweep => time.GetElapsedTime(Volatile.Read(ref _sweptAt));

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                Sweep();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops; nothing is left to remove from.
        }
    }

    /// <summary>
    /// One round. It warns when clients were forgotten or not tracked, and that has not happened in the last <c>anvil_rate_time_unit</c>: once for a flood.
    /// </summary>
    internal void Sweep()
    {
        table.RemoveExpired();
        Volatile.Write(ref _sweptAt, time.GetTimestamp());
        var options = snapshot.Current.Anvil;
        if (_lostAt is { } lostAt && time.GetElapsedTime(lostAt) > options.RateTimeUnit)
            _lostAt = null;

        var (evicted, refused) = (table.Evicted, table.Refused);
        if (evicted + refused == _lost)
            return;

        if (_lostAt is null)
            Log.TableFull(log, options.ClientTableSize);
        _lost = evicted + refused;
        _lostAt = time.GetTimestamp();
    }

    private static partial class Log
    {
        [LoggerMessage(1310, LogLevel.Warning, "the client table is full ({Size}): counts of absent clients are forgotten, or new clients not limited; "
            + "to avoid this condition, raise shield_client_table_size")]
        public static partial void TableFull(ILogger logger, int size);
    }
}
