namespace SmtpShield.Mta.Health;

/// <summary>
/// How long an MTA takes to greet when nothing keeps it: as long as its quickest greeting of the last <see cref="Lasts"/>, or up to twice that time. Some are
/// silent for half a minute by design: that one of those is silent says nothing, unless it is so for much longer.
/// </summary>
/// <param name="time">The clock.</param>
internal sealed class UsualGreeting(TimeProvider time)
{
    /// <summary>How long one counts.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromMinutes(10);

    /// <summary>The shortest silence that may say anything.</summary>
    public static readonly TimeSpan ShortestSilence = TimeSpan.FromSeconds(5);

    // Greetings differ by chance, above all quick ones.
    private const int TimesUsual = 2;

    // The quickest one of this stretch of time and of the one before it.
    private TimeSpan? _quickest;
    private TimeSpan? _quickestBefore;
    private long _since = time.GetTimestamp();

    /// <summary>From which silence on it has something else to do; null: not known, because it has not greeted lately.</summary>
    public TimeSpan? TellingSilence
    {
        get
        {
            Turn();
            var usual = Quicker(_quickest, _quickestBefore) * TimesUsual;
            return usual < ShortestSilence ? ShortestSilence : usual;
        }
    }

    /// <summary>It has greeted.</summary>
    /// <param name="took">How long that took.</param>
    public void Note(TimeSpan took)
    {
        Turn();
        _quickest = Quicker(_quickest, took);
    }

    private void Turn()
    {
        var passed = time.GetElapsedTime(_since);
        if (passed < Lasts)
            return;

        _quickestBefore = passed < Lasts * 2 ? _quickest : null;
        _quickest = null;
        _since = time.GetTimestamp();
    }

    private static TimeSpan? Quicker(TimeSpan? one, TimeSpan? other) => other is null || one < other ? one : other;
}
