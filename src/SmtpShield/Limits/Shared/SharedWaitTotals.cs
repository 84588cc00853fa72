namespace SmtpShield.Limits.Shared;

/// <summary>Events that were to wait for what other shields count, since the program began, and what became of it.</summary>
internal sealed class SharedWaitTotals
{
    private long _answered;
    private long _late;
    private long _away;

    /// <summary>Those that were judged by what the store has answered.</summary>
    public long Answered => Volatile.Read(ref _answered);

    /// <summary>Those that went on with what was known, because it did not answer in time.</summary>
    public long Late => Volatile.Read(ref _late);

    /// <summary>Those that went on at once, because it had not answered the exchange before.</summary>
    public long Away => Volatile.Read(ref _away);

    /// <summary>One has come to its end.</summary>
    public void AddWait(bool isAnswered) => Interlocked.Increment(ref isAnswered ? ref _answered : ref _late);

    /// <summary>One did not wait, because the store is away.</summary>
    public void AddAway() => Interlocked.Increment(ref _away);
}
