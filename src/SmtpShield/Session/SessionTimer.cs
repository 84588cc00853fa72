namespace SmtpShield.Session;

/// <summary>
/// Wakes the session when the earliest of its waits is over. One timer a session; it is only moved when something is due before
/// it, so traffic does not touch it.
/// </summary>
internal sealed class SessionTimer(TimeProvider time, SessionSignal signal) : IDisposable
{
    private const long NotArmed = long.MaxValue;

    private ITimer? _timer;
    private long _armedFor = NotArmed;

    /// <summary>Makes sure that the signal is set at <paramref name="due"/> at the latest.</summary>
    /// <param name="due">A timestamp; <see cref="long.MaxValue"/> for never.</param>
    /// <param name="now">The current timestamp.</param>
    public void Arm(long due, long now)
    {
        var armedFor = Volatile.Read(ref _armedFor);
        if (due == long.MaxValue || (armedFor != NotArmed && due >= armedFor))
            return;

        // Timers count whole milliseconds: round up, so that it is not early.
        var wait = TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(time.GetElapsedTime(now, due).TotalMilliseconds)));
        Volatile.Write(ref _armedFor, due);
        if (_timer is null)
            _timer = time.CreateTimer(static state => ((SessionTimer)state!).Fire(), this, wait, Timeout.InfiniteTimeSpan);
        else
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc />
    public void Dispose() => _timer?.Dispose();

    // A timer may fire a moment early by the session's clock; not being armed any more, it is then armed again for the rest.
    private void Fire()
    {
        Volatile.Write(ref _armedFor, NotArmed);
        signal.Set();
    }
}
