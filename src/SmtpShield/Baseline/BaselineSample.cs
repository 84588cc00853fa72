namespace SmtpShield.Baseline;

/// <summary>Values that were counted for a limit: how many in each bucket of <see cref="LogLinear"/>.</summary>
/// <param name="counts">How many, by bucket.</param>
/// <param name="largest">The largest value.</param>
internal sealed class BaselineSample(long[] counts, int largest)
{
    /// <summary>How many there are.</summary>
    public long Count { get; } = counts.Sum();

    /// <summary>The largest.</summary>
    public int Largest => largest;

    /// <summary>A quantile, by nearest rank; the upper edge of its bucket.</summary>
    /// <param name="quantile">Between 0 and 1.</param>
    /// <returns>Null: there are no values.</returns>
    public int? Quantile(double quantile) => Count == 0 ? null : AtRank(OrderStatistics.RankOf(Count, quantile));

    /// <summary>What the 99.9th percentile is below, with a probability of 95 %.</summary>
    /// <returns>Null: there are too few values to say.</returns>
    public int? UpperBound => OrderStatistics.UpperBoundRank(Count) is { } rank ? AtRank(rank) : null;

    /// <summary>Values that a limit of theirs would reach: at it, or above.</summary>
    public long CountFrom(int limit)
    {
        var sum = 0L;
        for (var i = LogLinear.IndexOf(limit); i < counts.Length; i++)
            sum += counts[i];
        return sum;
    }

    /// <summary>The share of events, or of values, that a limit would have refused.</summary>
    /// <param name="limit">The limit's kind.</param>
    /// <param name="value">Its value, above 0.</param>
    /// <returns>0 to 1; null: there are none. Above 63 within a bucket's width.</returns>
    public double? ShareAbove(ObservedLimit limit, int value)
    {
        if (Count == 0)
            return null;
        if (!limit.IsRate)
            return (double)CountFrom(limit.HitsAtLimit ? value : value + 1) / Count;

        var (all, above) = (0.0, 0.0);
        for (var i = 0; i < counts.Length; i++)
        {
            var edge = Math.Min(LogLinear.UpperEdge(i), Math.Max(largest, 1));
            all += (double)counts[i] * edge;
            above += (double)counts[i] * Math.Max(0, edge - value);
        }

        return all > 0 ? above / all : null;
    }

    /// <summary>The buckets that have any.</summary>
    public IEnumerable<(int Bucket, long Count)> Filled() => counts.Index().Where(static one => one.Item > 0).Select(static one => (one.Index, one.Item));

    private int AtRank(long rank)
    {
        var seen = 0L;
        for (var i = 0; i < counts.Length; i++)
        {
            seen += counts[i];
            if (seen >= rank)
                return Math.Min(LogLinear.UpperEdge(i), largest);
        }

        return largest;
    }
}
