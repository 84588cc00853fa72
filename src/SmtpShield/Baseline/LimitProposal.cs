namespace SmtpShield.Baseline;

/// <summary>Proposes a value for a limit from what clients that deliver mail need.</summary>
internal static class LimitProposal
{
    /// <summary>Values below which nothing is proposed.</summary>
    public const int LeastWindows = 100;

    private static readonly int[] _steps = [1, 2, 3, 5, 8];

    /// <summary>The margin times what 99.9 % need, rounded up to 1, 2, 3, 5 or 8 times a power of ten.</summary>
    /// <param name="limit">The limit.</param>
    /// <param name="delivering">What clients that deliver mail have done.</param>
    /// <param name="margin">At least 1.</param>
    /// <returns>Null: too little was seen.</returns>
    public static int? Of(ObservedLimit limit, BaselineSample delivering, double margin) => delivering.Count < LeastWindows ? null
        : Math.Max(limit.Least, RoundUp(margin * (delivering.UpperBound ?? delivering.Largest)));

    /// <summary>Whether the limit in force cuts off what is seen: more than one in a thousand of those that deliver mail have reached it.</summary>
    /// <param name="delivering">What they have done.</param>
    /// <param name="inForce">The limit; 0: off.</param>
    public static bool IsCutOff(BaselineSample delivering, int inForce) => inForce > 0 && delivering.CountFrom(inForce) * 1000 > delivering.Count;

    private static int RoundUp(double value)
    {
        for (var power = 1L; ; power *= 10)
        {
            foreach (var step in _steps)
            {
                if (step * power >= value || step * power > int.MaxValue / 2)
                    return (int)Math.Min(step * power, int.MaxValue);
            }
        }
    }
}
