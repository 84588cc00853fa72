using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using SmtpShield.Hosting;
using SmtpShield.Options;

namespace SmtpShield.Tls;

/// <summary>Loads the certificates of all services before any of them listens: a shield that can't speak TLS where it should does not start.</summary>
internal sealed class CertificateStart(ServiceScopes services, ShieldSnapshot snapshot) : IHostedLifecycleService
{
    /// <inheritdoc/>
    /// <exception cref="CertificateException">One can't be loaded.</exception>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach (var service in snapshot.Current.Service.Names)
            services.Of(service).GetRequiredService<CertificateStore>();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
