namespace SmtpShield.Host.Rehearsal;

/// <summary>
/// The clock of a shield under rehearsal: the real one, but for the time that is skipped, so that nobody waits five minutes to see a silent client go. What is
/// due in the skipped time happens at once.
/// </summary>
internal sealed class RehearsalClock : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly HashSet<Timer> _armed = [];
    private TimeSpan _skipped;

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    private TimeSpan Skipped
    {
        get
        {
            lock (_gate)
                return _skipped;
        }
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Skipped;

    /// <inheritdoc/>
    public override long GetTimestamp() => (System.GetElapsedTime(0) + Skipped).Ticks;

    /// <summary>Skips time.</summary>
    public void Skip(TimeSpan time)
    {
        Timer[] armed;
        lock (_gate)
        {
            _skipped += time;
            armed = [.. _armed];
        }

        foreach (var timer in armed)
            timer.Rearm();
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    // A timer of the real clock that is set anew when time is skipped. Due is null while nothing is.
    private sealed class Timer : ITimer
    {
        private readonly RehearsalClock _clock;
        private readonly TimerCallback _callback;
        private readonly object? _state;
        private readonly ITimer _real;
        private readonly Lock _gate = new();
        private TimeSpan _period;
        private long? _due;

        public Timer(RehearsalClock clock, TimerCallback callback, object? state)
        {
            (_clock, _callback, _state) = (clock, callback, state);
            _real = System.CreateTimer(static timer => ((Timer)timer!).Fire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (_gate)
            {
                _period = period;
                Set(dueTime < TimeSpan.Zero ? null : _clock.GetTimestamp() + dueTime.Ticks);
                return Arm();
            }
        }

        public void Rearm()
        {
            lock (_gate)
                Arm();
        }

        public void Dispose()
        {
            lock (_gate)
                Set(null);
            _real.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            lock (_gate)
                Set(null);
            return _real.DisposeAsync();
        }

        private void Fire()
        {
            lock (_gate)
            {
                // Set anew meanwhile, or the real timer was a little early.
                if (_due is not { } due || due > _clock.GetTimestamp())
                {
                    Arm();
                    return;
                }

                Set(_period > TimeSpan.Zero ? _clock.GetTimestamp() + _period.Ticks : null);
                Arm();
            }

            _callback(_state);
        }

        private void Set(long? due)
        {
            _due = due;
            lock (_clock._gate)
            {
                if (due is null)
                    _clock._armed.Remove(this);
                else
                    _clock._armed.Add(this);
            }
        }

        private bool Arm()
        {
            if (_due is not { } due)
                return _real.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            // In whole milliseconds, as the real one counts: not before its time.
            var wait = Math.Max(0, due - _clock.GetTimestamp());
            return _real.Change(TimeSpan.FromMilliseconds((wait + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond), Timeout.InfiniteTimeSpan);
        }
    }
}
