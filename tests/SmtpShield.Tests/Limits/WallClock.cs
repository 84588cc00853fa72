using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

/// <summary>A clock whose hands somebody sets: that moves neither timestamps nor timers.</summary>
internal sealed class WallClock(FakeTimeProvider time) : TimeProvider
{
    public TimeSpan Step { get; set; }

    public TimeZoneInfo Zone { get; set; } = TimeZoneInfo.Utc;

    public override TimeZoneInfo LocalTimeZone => Zone;

    public override long TimestampFrequency => time.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + Step;

    public override long GetTimestamp() => time.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        time.CreateTimer(callback, state, dueTime, period);
}
