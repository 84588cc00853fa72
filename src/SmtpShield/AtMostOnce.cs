namespace SmtpShield;

/// <summary>What may be said at most once in an interval, above all log lines that anybody can cause, as often as he likes.</summary>
/// <param name="time">The clock.</param>
/// <param name="interval">From the last time on; at its end the next one is due.</param>
internal sealed class AtMostOnce(TimeProvider time, TimeSpan interval)
{
    private const long Never = long.MinValue;

    private long _lastAt = Never;

    /// <summary>Whether it is due, and begins the interval if so. From any thread: of several at the same moment one is told.</summary>
    public bool IsDue()
    {
        var lastAt = Volatile.Read(ref _lastAt);
        var now = time.GetTimestamp();
        return (lastAt == Never || time.GetElapsedTime(lastAt, now) >= interval) && Interlocked.CompareExchange(ref _lastAt, now, lastAt) == lastAt;
    }
}
