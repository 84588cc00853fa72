namespace SmtpShield.Metrics;

/// <summary>How many values a histogram has counted in each of its buckets.</summary>
/// <param name="Bounds">The largest value of each, in the metric's unit; the last bucket has none.</param>
/// <param name="Counts">A number for each bound, and the one for what is above the last.</param>
internal sealed record BucketCounts(IReadOnlyList<double> Bounds, IReadOnlyList<long> Counts)
{
    /// <summary>What has come since.</summary>
    /// <param name="earlier">The same histogram before; null: nothing was in it.</param>
    public BucketCounts Since(BucketCounts? earlier) =>
        earlier is null ? this : this with { Counts = [.. Counts.Zip(earlier.Counts, static (now, then) => now - then)] };

    /// <summary>
    /// What so large a part of the values is not above: an estimate between the bounds of a bucket, as if values were spread evenly in it, which is what
    /// Prometheus' <c>histogram_quantile</c> says. Of what is above the last bound that bound is all that is known.
    /// </summary>
    /// <param name="part">0 to 1.</param>
    /// <returns>Null: there are no values.</returns>
    public double? Quantile(double part)
    {
        var total = Counts.Sum();
        if (total == 0)
            return null;
        var (rank, below) = (part * total, 0L);
        for (var i = 0; i < Bounds.Count; below += Counts[i++])
        {
            if (Counts[i] == 0 || below + Counts[i] < rank)
                continue;
            var from = i == 0 ? 0 : Bounds[i - 1];
            return from + (Bounds[i] - from) * (rank - below) / Counts[i];
        }

        return Bounds[^1];
    }
}
