using System.Globalization;
using Microsoft.Extensions.Hosting;
using SmtpShield.Hosting;

namespace SmtpShield.Control.Monitoring;

/// <summary>
/// Tells systemd six times in each <c>WatchdogSec=</c> that the process works, as long as it does (sd_watchdog_enabled(3)). One that does not work
/// at any of six looks is killed and started anew by systemd.
/// </summary>
/// <param name="microseconds">The value of <c>WATCHDOG_USEC</c>.</param>
/// <param name="process">The value of <c>WATCHDOG_PID</c>: who is watched.</param>
/// <param name="health">Whether it works.</param>
/// <param name="systemd">Who is told.</param>
/// <param name="time">The clock.</param>
internal sealed class Watchdog(string? microseconds, string? process, Health health, SystemdNotifier systemd, TimeProvider time) : BackgroundService
{
    /// <summary>As the environment says.</summary>
    public static Watchdog FromEnvironment(Health health, SystemdNotifier systemd, TimeProvider time) =>
        new(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), Environment.GetEnvironmentVariable("WATCHDOG_PID"), health, systemd, time);

    /// <summary>How often it is told; null: nobody watches.</summary>
    public TimeSpan? Interval =>
        long.TryParse(microseconds, NumberStyles.None, CultureInfo.InvariantCulture, out var length) && length >= 6 && length <= TimeSpan.MaxValue.Ticks / 10
        && (string.IsNullOrEmpty(process) || process == Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
            ? TimeSpan.FromMicroseconds(length / 6)
            : null;

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (Interval is not { } interval)
            return;

        using var timer = new PeriodicTimer(interval < TimeSpan.FromDays(1) ? interval : TimeSpan.FromDays(1), time);
        try
        {
            do
            {
                if (health.Problems().Count == 0)
                    systemd.Alive();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The program stops.
        }
    }
}
