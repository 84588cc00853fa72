using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Configuration;

namespace SmtpShield.Host;

/// <summary>Says in the log what is accepted in the configuration but probably not meant, and that the shield serves clients, as Postfix's master does.</summary>
internal sealed class StartReport(ShieldConfiguration configuration, ShieldConfigurationResult result, ILogger<StartReport> log) : IHostedLifecycleService
{
    /// <inheritdoc />
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        log.Report(result);
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        ConfigurationLog.Started(log, ShieldConfigurationWatcher.Version, configuration.Path);
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
