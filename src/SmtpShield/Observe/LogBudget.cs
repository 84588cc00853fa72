namespace SmtpShield.Observe;

/// <summary>
/// How many lines about what its client did a session may log: one client must not fill the disk. What is left out is counted, and told once at the end.
/// </summary>
internal struct LogBudget
{
    private const int Most = 1000;

    private long _asked;

    /// <summary>Lines left out.</summary>
    public readonly long Suppressed => Math.Max(0, _asked - Most);

    /// <summary>Whether another line may be logged.</summary>
    public bool TryTake() => ++_asked <= Most;
}
