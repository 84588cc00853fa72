namespace SmtpShield.Mta.Stress;

/// <summary>
/// The level an MTA is at, by what is seen of it each second: up when that is so for three seconds in a row, down, one level at a time, when all has been well
/// below for ten. Not thread-safe.
/// </summary>
internal sealed class StressMeter
{
    private const int StepsUp = 3;
    private const int StepsDown = 10;

    private readonly int[] _above = new int[(int)StressLevel.Stressed + 1];
    private int _below;

    /// <summary>The level.</summary>
    public StressLevel Level { get; private set; }

    /// <summary>Why it came to it.</summary>
    public StressReason Reason { get; private set; }

    /// <summary>Takes a second's signals.</summary>
    public void Step(in StressSignals signals)
    {
        var (level, reason) = signals.Verdict;
        for (var above = StressLevel.Pressed; above <= StressLevel.Stressed; above++)
            _above[(int)above] = level >= above ? _above[(int)above] + 1 : 0;
        _below = Level != StressLevel.None && level < Level && signals.AreBelow(Level) ? _below + 1 : 0;

        var reached = _above[(int)StressLevel.Stressed] >= StepsUp ? StressLevel.Stressed
            : _above[(int)StressLevel.Pressed] >= StepsUp ? StressLevel.Pressed : StressLevel.None;
        if (reached > Level)
            Become(reached, reason);
        else if (_below >= StepsDown)
            Become(Level - 1, Level - 1 == StressLevel.None ? StressReason.None : Reason);
    }

    private void Become(StressLevel level, StressReason reason) => (Level, Reason, _below) = (level, reason, 0);
}
