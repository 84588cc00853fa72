namespace SmtpShield.Throttling;

/// <summary>A token bucket: so many at once, so many a second.</summary>
/// <param name="time">The clock.</param>
/// <param name="burst">How many at once.</param>
/// <param name="rate">How many a second.</param>
internal struct LogBucket(TimeProvider time, int burst, int rate)
{
    private double _tokens = burst;
    private long _at = time.GetTimestamp();

    /// <summary>Takes one, if there is one.</summary>
    public bool TryTake()
    {
        var now = time.GetTimestamp();
        _tokens = Math.Min(burst, _tokens + time.GetElapsedTime(_at, now).TotalSeconds * rate);
        _at = now;
        if (_tokens < 1)
            return false;

        _tokens--;
        return true;
    }

    /// <summary>Gives one back.</summary>
    public void GiveBack() => _tokens = Math.Min(burst, _tokens + 1);
}
