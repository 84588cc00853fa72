using Microsoft.Extensions.Hosting;

namespace SmtpShield.Throttling;

/// <summary>Has the <see cref="LogThrottle"/> say each second what it has left out, and all of it when the shield stops.</summary>
internal sealed class LogSummaries(LogThrottle throttle, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        throttle.Sweep(isLast: true);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                throttle.Sweep();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What is left is said behind it.
        }
    }
}
