using Microsoft.Extensions.Hosting;

namespace SmtpShield.Mta.Stress;

/// <summary>Has all MTAs judged once a second.</summary>
/// <param name="pool">The MTAs.</param>
/// <param name="time">The clock.</param>
internal sealed class StressClock(UpstreamPool pool, TimeProvider time) : BackgroundService
{
    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var seconds = new PeriodicTimer(MtaStress.Step, time);
        try
        {
            while (await seconds.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
                pool.EndSecond();
        }
        catch (OperationCanceledException)
        {
            // The shield stops.
        }
    }
}
