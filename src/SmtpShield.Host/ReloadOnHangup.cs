using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;
using SmtpShield.Configuration;
using SmtpShield.Listening;
using SmtpShield.Telemetry;

namespace SmtpShield.Host;

/// <summary>SIGHUP: reads the configuration again and opens the log anew, for a file that has been rotated.</summary>
internal sealed class ReloadOnHangup(ShieldConfigurationWatcher configuration, MaillogLoggerProvider maillog, SystemdNotifier systemd) : IHostedService, IDisposable
{
    private PosixSignalRegistration? _registration;

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _registration = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            Reload();
        });
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public void Dispose() => _registration?.Dispose();

    private void Reload()
    {
        systemd.Reloading();
        maillog.Reopen();
        configuration.Reload();
        systemd.Ready();
    }
}
