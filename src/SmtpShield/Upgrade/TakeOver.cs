using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.State;

namespace SmtpShield.Upgrade;

/// <summary>The other side of <see cref="HandOver"/>: holds the start, before the first client is accepted, until the predecessor lets this process.</summary>
internal sealed partial class TakeOver(
    Predecessor predecessor, AcceptLoops loops, StateDirectory state, IEnumerable<IHandedOver> known, ConfigurationStateFile configuration,
    SystemdNotifier systemd, ILogger<TakeOver> log) : IHostedLifecycleService, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly HandOverNews _news = new(known, HandOverSide.Predecessor);
    private Task _exchanging = Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        loops.Hold();
        foreach (var one in known)
            one.Take(predecessor.State.Take(one.Name));
        if (predecessor.Hears)
            _news.Begin();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    /// <exception cref="HandOverException">The predecessor goes on.</exception>
    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        // Those of addresses that are not listened at any more.
        predecessor.Sockets.Dispose();
        try
        {
            if (!await predecessor.WaitForTurnAsync(cancellationToken))
                throw new HandOverException("the shield that was to hand over goes on");
            loops.LetThrough();
            await predecessor.TakeOverAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            throw new HandOverException("told to stop before it had taken over");
        }

        state.TakeOver();
        configuration.TakeOver();
        systemd.BecomeMain();
        Log.TakenOver(log, predecessor.Process, predecessor.Version, predecessor.By);
        _exchanging = ExchangeNewsAsync();
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _exchanging;
    }

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    private async Task ExchangeNewsAsync()
    {
        try
        {
            await Task.WhenAll(
                predecessor.HearAsync(_news, _stopping.Token), predecessor.Hears ? predecessor.TellAsync(_news, _stopping.Token) : Task.CompletedTask);
        }
        catch (OperationCanceledException)
        {
            // This process ends, too.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2402, LogLevel.Information, "upgrade: taken over from process {Process} (version {Version}) by {By}", EventName = "TakenOver")]
        public static partial void TakenOver(ILogger logger, int process, string version, string by);
    }
}
