using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Options;

namespace SmtpShield.Host;

/// <summary>
/// Says in the log what is accepted in the configuration but probably not meant, that the shield serves clients, as Postfix's master
/// does, and where it can't look.
/// </summary>
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
        if (result.Options is { } options)
        {
            if (result.IsHostnameMadeUp)
                ConfigurationLog.HostnameMadeUp(log, options.Smtpd.MyHostname);
            foreach (var service in options.Service.Names.Distinct().Where(service => options.Of(service).Tls.IsPassedOn))
                ConfigurationLog.TlsPassedOn(log, service);
        }

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
