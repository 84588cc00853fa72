namespace SmtpShield.Session;

/// <summary>The time of a session's loop, read once a step: all that happens in a step happens at the same time. Timestamps are those of the clock.</summary>
internal sealed class SessionClock(TimeProvider time)
{
    /// <summary>The step's time; a timestamp.</summary>
    public long Now { get; private set; } = time.GetTimestamp();

    /// <summary>The system's time at this moment; a timestamp.</summary>
    public long Real => time.GetTimestamp();

    /// <summary>Timestamp units a second has.</summary>
    public long Frequency => time.TimestampFrequency;

    /// <summary>A cancellation whose time is that of the clock.</summary>
    public CancellationTokenSource NewCancellation() => new(Timeout.InfiniteTimeSpan, time);

    /// <summary>Another step begins.</summary>
    public void Tick() => Now = time.GetTimestamp();

    /// <summary>A timestamp some time behind another one.</summary>
    public long Later(long timestamp, TimeSpan wait) => timestamp + (long)(wait.TotalSeconds * time.TimestampFrequency);

    /// <summary>How long ago a timestamp was.</summary>
    public TimeSpan Since(long timestamp) => time.GetElapsedTime(timestamp, Now);
}
