namespace SmtpShield.Testing;

/// <summary>A clock whose hands somebody sets: that moves neither timestamps nor timers.</summary>
/// <param name="time">The clock otherwise.</param>
public sealed class WallClock(FakeTimeProvider time) : TimeProvider
{
    /// <summary>How far the hands are from what has passed.</summary>
    public TimeSpan Step { get; set; }

    /// <summary>The local time zone.</summary>
    public TimeZoneInfo Zone { get; set; } = TimeZoneInfo.Utc;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => Zone;

    /// <inheritdoc/>
    public override long TimestampFrequency => time.TimestampFrequency;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + Step;

    /// <inheritdoc/>
    public override long GetTimestamp() => time.GetTimestamp();

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        time.CreateTimer(callback, state, dueTime, period);
}
