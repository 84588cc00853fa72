namespace SmtpShield.Testing;

/// <summary>
/// A clock that stands still until a test moves it. Timers fire inside <see cref="Advance"/>, in the order they are due, on the test's thread; while one
/// fires, the clock shows the time it was due.
/// </summary>
public sealed class FakeTimeProvider : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private readonly DateTimeOffset _start;
    private long _ticks;
    private long _sequence;

    /// <summary>A clock that starts at 2026-01-01T00:00:00Z.</summary>
    public FakeTimeProvider()
        : this(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
    }

    /// <summary>A clock that starts at the given time.</summary>
    public FakeTimeProvider(DateTimeOffset start) => _start = start;

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>Timers that are armed. Zero after the code under test is done: it left none behind.</summary>
    public int ActiveTimers
    {
        get
        {
            lock (_lock)
                return _timers.Count;
        }
    }

    /// <summary>How far the clock is from the next timer's time; null when none is armed.</summary>
    public TimeSpan? NextDue
    {
        get
        {
            lock (_lock)
                return _timers.Count == 0 ? null : Remaining(_timers.Min(static timer => timer.Due));
        }
    }

    /// <summary>How far the clock is from the end of the first wait that was begun for just this long; null when there is none.</summary>
    /// <param name="length">How long it was to be, once.</param>
    public TimeSpan? NextDueOf(TimeSpan length)
    {
        lock (_lock)
        {
            var due = _timers.Where(timer => timer.Length == length && timer.Period <= TimeSpan.Zero).Min(static timer => (TimeSpan?)timer.Due);
            return due is { } first ? Remaining(first) : null;
        }
    }

    /// <summary>How far the clock has been moved.</summary>
    public TimeSpan Elapsed => new(Volatile.Read(ref _ticks));

    /// <summary>Moves the clock and fires what falls due on the way, periodic timers as often as due.</summary>
    /// <param name="time">How far; zero fires what is due now.</param>
    public void Advance(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        var end = Elapsed + time;
        while (TakeNext(end) is { } due)
            due.Fire();
        lock (_lock)
            MoveTo(end);
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => _start + Elapsed;

    /// <inheritdoc/>
    public override long GetTimestamp() => Elapsed.Ticks;

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private TimeSpan Remaining(TimeSpan due) => due > Elapsed ? due - Elapsed : TimeSpan.Zero;

    // Never back. The clock is read much more often than it is moved, so that only this is done with the lock.
    private void MoveTo(TimeSpan time)
    {
        if (time > Elapsed)
            Volatile.Write(ref _ticks, time.Ticks);
    }

    private Timer? TakeNext(TimeSpan end)
    {
        lock (_lock)
        {
            Timer? next = null;
            foreach (var timer in _timers)
            {
                if (timer.Due <= end && (next is null || (timer.Due, timer.Sequence).CompareTo((next.Due, next.Sequence)) < 0))
                    next = timer;
            }

            if (next is null)
                return null;

            // A timer armed with zero by a callback is due at once, never in the past.
            MoveTo(next.Due);
            if (next.Period > TimeSpan.Zero)
                (next.Due, next.Sequence) = (Elapsed + next.Period, _sequence++);
            else
                _timers.Remove(next);
            return next;
        }
    }

    private sealed class Timer(FakeTimeProvider clock, TimerCallback callback, object? state) : ITimer
    {
        private bool _disposed;

        public TimeSpan Due { get; set; }

        public TimeSpan Length { get; private set; }

        public TimeSpan Period { get; private set; }

        public long Sequence { get; set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                if (_disposed)
                    return false;
                clock._timers.Remove(this);
                if (dueTime == Timeout.InfiniteTimeSpan)
                    return true;
                (Due, Length, Period, Sequence) = (clock.Elapsed + dueTime, dueTime, period, clock._sequence++);
                clock._timers.Add(this);
                return true;
            }
        }

        public void Dispose()
        {
            lock (clock._lock)
            {
                _disposed = true;
                clock._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
