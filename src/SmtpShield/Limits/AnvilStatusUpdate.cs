using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Primitives;
using SmtpShield.Options;

namespace SmtpShield.Limits;

/// <summary>
/// Logs the <see cref="AnvilStatistics"/> every <c>anvil_status_update_time</c>, counted from the program's start, and when it stops. A
/// reload that changes the interval logs them too and starts it anew: there, Postfix starts a new anvil.
/// </summary>
internal sealed class AnvilStatusUpdate(AnvilStatistics statistics, ShieldSnapshot snapshot, TimeProvider time) : IHostedService, IDisposable
{
    private readonly Lock _gate = new();
    private TimeSpan _interval;
    private ITimer? _timer;
    private IDisposable? _onChange;

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _interval = snapshot.Current.Anvil.StatusUpdateTime;
        _timer = time.CreateTimer(static state => ((AnvilStatistics)state!).LogAndReset(), statistics, _interval, _interval);
        _onChange = ChangeToken.OnChange(snapshot.GetChangeToken, Restart);
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        statistics.LogAndReset();
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _onChange?.Dispose();
        _timer?.Dispose();
    }

    private void Restart()
    {
        lock (_gate)
        {
            var interval = snapshot.Current.Anvil.StatusUpdateTime;
            if (interval == _interval)
                return;

            _interval = interval;
            statistics.LogAndReset();
            _timer!.Change(interval, interval);
        }
    }
}
