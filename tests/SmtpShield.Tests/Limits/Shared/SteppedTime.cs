namespace SmtpShield.Tests.Limits.Shared;

/// <summary>A wall clock that somebody sets.</summary>
/// <param name="time">What it shows otherwise.</param>
internal sealed class SteppedTime(TimeProvider time) : TimeProvider
{
    /// <summary>By how much it was set.</summary>
    public TimeSpan Step { get; set; }

    public override long TimestampFrequency => time.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + Step;

    public override long GetTimestamp() => time.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        time.CreateTimer(callback, state, dueTime, period);
}
