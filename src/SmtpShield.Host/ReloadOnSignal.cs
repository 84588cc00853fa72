using Microsoft.Extensions.Hosting;
using SmtpShield.Host.Switching;
using SmtpShield.Hosting;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Upgrade;

namespace SmtpShield.Host;

/// <summary>
/// Does what signals ask for, one after the other: SIGHUP reads the configuration again and opens the log anew, for a file that has been
/// rotated; where another program stands at the place of this one, that takes over instead. SIGUSR1 opens the log anew only.
/// </summary>
internal sealed class ReloadOnSignal(
    ShieldSignals signals, ShieldConfigurationWatcher configuration, MaillogLoggerProvider maillog, EventLogProvider eventLog, SystemdNotifier systemd,
    OwnProgram program, HandOver handOver, IHostApplicationLifetime lifetime, TimeProvider time) : BackgroundService
{
    // Who sends a thousand signals a second gets four reloads a second, and clients get the processor.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            // Not before: systemd would take the end of the reload for that of the start.
            await WhenStartedAsync(stoppingToken);
            while (true)
            {
                await ActAsync(await signals.TakeAsync(stoppingToken), stoppingToken);
                await Task.Delay(Pause, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }
    }

    private async Task ActAsync(SignalRequests requests, CancellationToken cancellationToken)
    {
        if (!requests.HasFlag(SignalRequests.Reload))
        {
            if (requests.HasFlag(SignalRequests.ReopenLog))
                ReopenLogs();
            return;
        }

        systemd.Reloading();
        ReopenLogs();
        if (program.IsReplaced && await IsHandedOverAsync())
            return;
        await configuration.ReloadAsync(cancellationToken);
        systemd.Ready();
    }

    // Where it fails the log says why, and this program has the new configuration as on any other day.
    private async Task<bool> IsHandedOverAsync()
    {
        try
        {
            await handOver.RunAsync("SIGHUP");
            return true;
        }
        catch (HandOverException)
        {
            return handOver.IsDone;
        }
    }

    private void ReopenLogs()
    {
        maillog.Reopen();
        eventLog.Reopen();
    }

    private async Task WhenStartedAsync(CancellationToken cancellationToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(cancellationToken);
    }
}
