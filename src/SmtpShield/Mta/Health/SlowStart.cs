namespace SmtpShield.Mta.Health;

/// <summary>
/// How much of its limit a destination may have that was down: from a tenth on, more each second, as HAProxy's <c>slowstart</c> does it to <c>maxconn</c>.
/// An MTA that has just come back has cold caches, and everybody has waited for it.
/// </summary>
/// <param name="time">The clock.</param>
internal sealed class SlowStart(TimeProvider time)
{
    private const double First = 0.1;

    private long _since;
    private TimeSpan _length;

    /// <summary>Whether it is under way.</summary>
    public bool IsOn => _length > TimeSpan.Zero && time.GetElapsedTime(_since) < _length;

    /// <summary>The part of its limit it may have now, 0 to 1.</summary>
    public double Part => IsOn ? First + ((1 - First) * (time.GetElapsedTime(_since) / _length)) : 1;

    /// <summary>Begins it, or begins it again.</summary>
    /// <param name="length">How long it takes; zero: not at all.</param>
    public void Begin(TimeSpan length) => (_since, _length) = (time.GetTimestamp(), length);

    /// <summary>Begins it again if it is under way.</summary>
    public void Restart()
    {
        if (IsOn)
            _since = time.GetTimestamp();
    }
}
