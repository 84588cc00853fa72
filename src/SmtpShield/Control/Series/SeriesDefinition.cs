using SmtpShield.Metrics;

namespace SmtpShield.Control.Series;

/// <summary>A series: how its points are made of the metrics.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Unit">The unit of its points.</param>
/// <param name="Kind">Whether a point is a level, a rate or a mean.</param>
/// <param name="Metric">What it is made of.</param>
/// <param name="Label">Which label chooses among the series of the metric, by its place; below 0: all are added up.</param>
/// <param name="Values">Which values of that label.</param>
internal sealed record SeriesDefinition(string Name, string Unit, SeriesKind Kind, MetricDefinition Metric, int Label, params string[] Values)
{
    /// <summary>What the metric says.</summary>
    /// <param name="samples">All metrics at one moment.</param>
    /// <returns>The sum, and of how many for a mean.</returns>
    public (double Sum, double Count) Read(MetricSamples samples)
    {
        var (sum, count) = (0.0, 0.0);
        foreach (var sample in samples.Of(Metric))
        {
            if (Label >= 0 && !Values.Contains(sample.Labels[Label]))
                continue;
            sum += sample.Value;
            foreach (var of in sample.Counts)
                count += of;
        }

        return (sum, count);
    }
}

/// <summary>What a point of a series is.</summary>
internal enum SeriesKind
{
    /// <summary>How much there is.</summary>
    Level,

    /// <summary>How much came in a second.</summary>
    Rate,

    /// <summary>The mean of what came; nothing where nothing came.</summary>
    Mean,
}
