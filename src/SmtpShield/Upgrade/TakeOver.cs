using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.State;

namespace SmtpShield.Upgrade;

/// <summary>The other side of <see cref="HandOver"/>: holds the start, before the first client is accepted, until the predecessor lets this process.</summary>
internal sealed partial class TakeOver(
    Predecessor predecessor, AcceptLoops loops, StateDirectory state, ConfigurationStateFile configuration, SystemdNotifier systemd, ILogger<TakeOver> log)
    : IHostedLifecycleService
{
    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        loops.Hold();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    /// <exception cref="HandOverException">The predecessor goes on.</exception>
    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        // Those of addresses that are not listened at any more.
        predecessor.Sockets.Dispose();
        if (!await predecessor.WaitForTurnAsync(cancellationToken))
            throw new HandOverException("the shield that was to hand over goes on");
        loops.LetThrough();
        await predecessor.TakeOverAsync(cancellationToken);
        state.TakeOver();
        configuration.TakeOver();
        systemd.BecomeMain();
        Log.TakenOver(log, predecessor.Process, predecessor.Version, predecessor.By);
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static partial class Log
    {
        [LoggerMessage(2402, LogLevel.Information, "upgrade: taken over from process {Process} (version {Version}) by {By}", EventName = "TakenOver")]
        public static partial void TakenOver(ILogger logger, int process, string version, string by);
    }
}
