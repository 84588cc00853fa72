using Microsoft.Extensions.Hosting;

namespace SmtpShield.Control.Monitoring;

/// <summary>How long the thread pool takes to begin something: all of the shield's work waits that long. Tried once a second.</summary>
/// <param name="time">The clock.</param>
/// <param name="queue">Gives something to the pool.</param>
internal sealed class PoolPulse(TimeProvider time, Action<Action> queue) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private TimeSpan _last;
    private long? _sentAt;
    private long _triedAt = time.GetTimestamp();

    /// <summary>How long the last try took, or the one under way has taken so far; when not even tries are made any more, since the last of them.</summary>
    public TimeSpan Delay
    {
        get
        {
            lock (_gate)
            {
                if (_sentAt is { } sentAt)
                    return time.GetElapsedTime(sentAt);
                var late = time.GetElapsedTime(_triedAt) - Interval;
                return late > _last ? late : _last;
            }
        }
    }

    /// <summary>Tries, unless the last try is still under way.</summary>
    internal void Try()
    {
        lock (_gate)
        {
            if (_sentAt is not null)
                return;
            _sentAt = _triedAt = time.GetTimestamp();
        }

        queue(NoteAnswer);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            do
                Try();
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The program stops.
        }
    }

    private void NoteAnswer()
    {
        lock (_gate)
        {
            _last = time.GetElapsedTime(_sentAt ?? time.GetTimestamp());
            _sentAt = null;
        }
    }
}
