namespace SmtpShield.Limits;

/// <summary>
/// The seconds in which the <see cref="AnvilTable"/> counts: whole ones, as anvil(8) has them, in step with the wall clock's seconds at start but not moved
/// when somebody sets that clock.
/// </summary>
internal sealed class AnvilClock
{
    private readonly TimeProvider _time;
    private readonly long _startTimestamp;
    private readonly long _startWithinSecond;
    private readonly DateTimeOffset _startedAt;

    /// <summary>Begins at second 0.</summary>
    public AnvilClock(TimeProvider time)
    {
        _time = time;
        _startTimestamp = time.GetTimestamp();
        _startedAt = time.GetUtcNow();
        _startWithinSecond = _startedAt.Ticks % TimeSpan.TicksPerSecond;
    }

    /// <summary>The second it is.</summary>
    public int Second => (int)(Ticks / TimeSpan.TicksPerSecond);

    /// <summary>Milliseconds, of which <see cref="Second"/> is the whole seconds.</summary>
    public long Milliseconds => Ticks / TimeSpan.TicksPerMillisecond;

    private long Ticks => _startWithinSecond + _time.GetElapsedTime(_startTimestamp).Ticks;

    /// <summary>When a second begins, by the wall clock. Where that has been set since the start, by the clock as it is now.</summary>
    public DateTimeOffset TimeOf(int second)
    {
        var moved = (_time.GetUtcNow() - _startedAt - _time.GetElapsedTime(_startTimestamp)).TotalSeconds;
        return _startedAt.AddTicks(-_startWithinSecond).AddSeconds(second + Math.Round(moved));
    }

    /// <summary>The second that begins then: the reverse of <see cref="TimeOf"/>.</summary>
    public int SecondOf(DateTimeOffset at) => (int)Math.Clamp(Math.Round((at - TimeOf(0)).TotalSeconds), int.MinValue + 1, int.MaxValue);
}
