using Microsoft.Extensions.Hosting;

namespace SmtpShield.Bans;

/// <summary>What happens to bans by time: each second those that are over end, and the brakes are looked at; each minute the log hears of refusals.</summary>
internal sealed class BanClock(BanTable bans, AutomaticBans automatic, ShadowBans shadow, NeverBanned never, BanLog log, TimeProvider time)
    : IHostedService, IDisposable
{
    private static readonly TimeSpan _second = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private ITimer? _timer;
    private long _summarizedAt;

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _summarizedAt = time.GetTimestamp();
        _timer = time.CreateTimer(static clock => ((BanClock)clock!).Tick(), this, _second, _second);
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _timer?.Dispose();
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public void Dispose() => _timer?.Dispose();

    private void Tick()
    {
        // One at a time; who comes meanwhile has nothing to add.
        if (!_gate.TryEnter())
            return;
        try
        {
            bans.RemoveEnded();
            automatic.Look();
            shadow.Look();
            never.Refresh();
            if (time.GetElapsedTime(_summarizedAt) < BanLog.Interval)
                return;
            _summarizedAt = time.GetTimestamp();
            log.Summarize();
        }
        finally
        {
            _gate.Exit();
        }
    }
}
