using Microsoft.Extensions.Hosting;

namespace SmtpShield.Mta.Reuse;

/// <summary>When the program is asked to stop, no session waits for another client any more: the MTA is told QUIT before sockets close by themselves.</summary>
/// <param name="pool">The MTAs.</param>
internal sealed class LeaveOnShutdown(UpstreamPool pool) : IHostedLifecycleService
{
    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        pool.KeepNone();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
