using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace SmtpShield.Metrics;

/// <summary>One series of a histogram. What is noted is whole numbers, of ticks or octets, so that its sum is exact.</summary>
internal sealed class HistogramCells
{
    private readonly MetricDefinition _metric;
    private readonly string[] _labels;
    private readonly double _scale;
    private readonly Histogram<double>? _live;
    private readonly TagList _tags;
    private readonly long[] _bounds;
    private readonly Cells _cells;

    /// <summary>Nothing is noted yet.</summary>
    /// <param name="metric">What is measured.</param>
    /// <param name="scale">What 1 is in its unit.</param>
    /// <param name="live">Whom else to tell of each value; null: nobody.</param>
    /// <param name="labels">The values of its labels.</param>
    public HistogramCells(MetricDefinition metric, double scale, Histogram<double>? live, params string[] labels)
    {
        (_metric, _scale, _live, _labels) = (metric, scale, live, labels);
        _bounds = [.. metric.Bounds.Select(bound => (long)Math.Round(bound / scale))];
        // A number for each bucket, the one without a bound, and the sum.
        _cells = new(_bounds.Length + 2);
        for (var i = 0; i < labels.Length; i++)
            _tags.Add(metric.Labels[i], labels[i]);
    }

    /// <summary>Notes a value.</summary>
    public void Note(long value)
    {
        var bucket = 0;
        while (bucket < _bounds.Length && value > _bounds[bucket])
            bucket++;
        _cells.Add(bucket, 1, _bounds.Length + 1, value);
        if (_live is { Enabled: true })
            _live.Record(value * _scale, _tags);
    }

    /// <summary>How many values have come, by bucket.</summary>
    public BucketCounts Buckets => new(_metric.Bounds, Counts());

    /// <summary>Says all of it.</summary>
    public void Collect(MetricSamples samples) => samples.Add(_metric, Counts(), _cells.Sum(_bounds.Length + 1) * _scale, _labels);

    private long[] Counts()
    {
        var counts = new long[_bounds.Length + 1];
        for (var i = 0; i < counts.Length; i++)
            counts[i] = _cells.Sum(i);
        return counts;
    }
}
