namespace SmtpShield.Relay;

/// <summary>Wakes the session when the earliest of its waits is over. One timer a session; it is only moved when something is due before it, so traffic does not touch it.</summary>
internal sealed class RelayDeadline(TimeProvider time, SessionSignal signal) : IDisposable
{
    private ITimer? _timer;
    private long _armedFor = long.MaxValue;

    /// <summary>Makes sure that the signal is set at <paramref name="due"/> at the latest.</summary>
    /// <param name="due">A timestamp; <see cref="long.MaxValue"/> for never.</param>
    /// <param name="now">The current timestamp.</param>
    public void Arm(long due, long now)
    {
        if (due == long.MaxValue || (due >= _armedFor && _armedFor > now))
            return;

        // Timers count whole milliseconds: round up, so that it is not early.
        var wait = TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(time.GetElapsedTime(now, due).TotalMilliseconds)));
        _armedFor = due;
        if (_timer is null)
            _timer = time.CreateTimer(static state => ((SessionSignal)state!).Set(), signal, wait, Timeout.InfiniteTimeSpan);
        else
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc />
    public void Dispose() => _timer?.Dispose();
}
