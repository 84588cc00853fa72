using Microsoft.Extensions.Hosting;

namespace SmtpShield.Limits;

/// <summary>Removes expired records from the <see cref="AnvilTable"/> every ten seconds.</summary>
internal sealed class AnvilSweeper(AnvilTable table, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                table.RemoveExpired();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops; nothing is left to remove from.
        }
    }
}
