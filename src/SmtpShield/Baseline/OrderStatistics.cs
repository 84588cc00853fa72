namespace SmtpShield.Baseline;

/// <summary>Bounds of quantiles, of the ranks of what was seen alone: whatever the distribution is.</summary>
internal static class OrderStatistics
{
    /// <summary>How much is below the quantile that limits go by.</summary>
    public const double Quantile = 0.999;

    /// <summary>How sure the bound is.</summary>
    public const double Confidence = 0.95;

    /// <summary>The smallest n with <see cref="UpperBoundRank"/>.</summary>
    public const int LeastForBound = 2995;

    /// <summary>The rank of a quantile, by nearest rank.</summary>
    /// <param name="count">How many values there are, at least 1.</param>
    /// <param name="quantile">Between 0 and 1.</param>
    public static long RankOf(long count, double quantile) =>
        Math.Clamp((long)Math.Ceiling(Math.Round(count * quantile, 6)), 1, count);

    /// <summary>
    /// The smallest rank k that is above the <see cref="Quantile"/> with <see cref="Confidence"/>: P(Bin(n, 0.999) &lt; k) ≥ 0.95.
    /// </summary>
    /// <param name="count">n.</param>
    /// <returns>Null: too few to say.</returns>
    public static long? UpperBoundRank(long count)
    {
        // Of the values above the quantile, so that few terms are summed: P(Bin(n, 0.001) ≤ n − k) ≤ 0.05, in logarithms because the first terms are tiny.
        const double Above = 1 - Quantile;
        var odds = Math.Log(Above / Quantile);
        var log = count * Math.Log(Quantile);
        var sum = 0.0;
        for (var above = 0L; above <= count; above++)
        {
            sum += Math.Exp(log);
            if (sum > 1 - Confidence)
                return above == 0 ? null : count - above + 1;
            log += Math.Log((double)(count - above) / (above + 1)) + odds;
        }

        return null;
    }
}
