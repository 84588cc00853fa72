namespace SmtpShield.Mta.Slots;

/// <summary>
/// How long something usually takes an MTA, which is nearer to its best times than to its worst: quick answers are believed at once, slower ones when there are
/// many, and slow ones, which are the exception, when there is nothing else for long.
/// </summary>
/// <param name="Value">The time; zero before anything was seen.</param>
internal readonly record struct UsualTime(TimeSpan Value)
{
    private const int WeightOfQuicker = 8;
    private const int WeightOfSlower = 64;
    private const int WeightOfSlow = 1024;

    // An outage of a minute is no more of a change than one of a second.
    private const int MostTimes = 8;

    /// <summary>The same behind another answer.</summary>
    /// <param name="took">How long that took.</param>
    /// <param name="isSlow">It was an exception.</param>
    public UsualTime With(TimeSpan took, bool isSlow)
    {
        if (Value == TimeSpan.Zero)
            return new(took);

        var counted = isSlow && took > Value * MostTimes ? Value * MostTimes : took;
        return new(Value + (counted - Value) / (isSlow ? WeightOfSlow : counted < Value ? WeightOfQuicker : WeightOfSlower));
    }
}
