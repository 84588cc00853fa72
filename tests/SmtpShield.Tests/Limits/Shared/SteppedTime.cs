namespace SmtpShield.Tests.Limits.Shared;

/// <summary>A wall clock that somebody sets.</summary>
/// <param name="time">What it shows otherwise.</param>
internal sealed class SteppedTime(TimeProvider time) : TimeProvider
{
    /// <summary>By how much it was set.</summary>
    public TimeSpan Step { get; set; }

    public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + Step;
}
