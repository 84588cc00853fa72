using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using SmtpShield.Options;

namespace SmtpShield.Hosting;

/// <summary>
/// Begins the drain when the program is asked to stop (SIGTERM, SIGINT) and waits for it before anything else is stopped: that would cut sessions off in the
/// middle of a message.
/// </summary>
internal sealed partial class DrainOnShutdown : IHostedLifecycleService, IDisposable
{
    // Time for the last 421 to go out after the deadline.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    // For the host to stop the rest, after the drain.
    private static readonly TimeSpan StopAllowance = TimeSpan.FromSeconds(10);

    private readonly ConnectionDrain _drain;
    private readonly ShieldSnapshot _snapshot;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly IDisposable _onChange;

    /// <summary>Also keeps the host's own shutdown timeout longer than the drain.</summary>
    public DrainOnShutdown(ConnectionDrain drain, ShieldSnapshot snapshot, TimeProvider time, IOptions<HostOptions> host, ILogger<DrainOnShutdown> logger)
    {
        _drain = drain;
        _snapshot = snapshot;
        _time = time;
        _logger = logger;
        // The host reads it when it stops, so a reload is in time.
        _onChange = ChangeToken.OnChange(snapshot.GetChangeToken, SetShutdownTimeout);
        SetShutdownTimeout();

        void SetShutdownTimeout() => host.Value.ShutdownTimeout = snapshot.Current.Listener.DrainTimeout + Grace + StopAllowance;
    }

    /// <inheritdoc/>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _drain.Begin();
        var empty = _drain.WhenEmpty;
        if (empty.IsCompleted)
            return;

        Log.Draining(_logger, _drain.Connections);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(empty, Task.Delay(_snapshot.Current.Listener.DrainTimeout + Grace, _time, enough.Token));
        await enough.CancelAsync();
        if (!empty.IsCompleted)
            Log.DrainIncomplete(_logger, _drain.Connections);
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

    /// <inheritdoc/>
    public void Dispose() => _onChange.Dispose();

    private static partial class Log
    {
        [LoggerMessage(1010, LogLevel.Information, "stopping: waiting for {Connections} connections to finish")]
        public static partial void Draining(ILogger logger, int connections);

        [LoggerMessage(1011, LogLevel.Warning, "stopping: {Connections} connections did not finish in time and are cut off")]
        public static partial void DrainIncomplete(ILogger logger, int connections);
    }
}
