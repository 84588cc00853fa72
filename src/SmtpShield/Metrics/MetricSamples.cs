namespace SmtpShield.Metrics;

/// <summary>What all metrics were at one moment, or nearly so. Series that come twice, because they share their labels, are added up.</summary>
internal sealed class MetricSamples
{
    private readonly Dictionary<MetricDefinition, List<MetricSample>> _samples = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, MetricSample> _byKey = new(StringComparer.Ordinal);

    /// <summary>The series of a metric, in the order they came; none if there are none now.</summary>
    public IReadOnlyList<MetricSample> Of(MetricDefinition metric) => _samples.GetValueOrDefault(metric) ?? [];

    /// <summary>Adds a series.</summary>
    public void Add(MetricDefinition metric, double value, params string[] labels) => Of(metric, labels).Value += value;

    /// <summary>Adds a series of a histogram.</summary>
    /// <param name="metric">Which.</param>
    /// <param name="counts">Of each bucket alone, the last one without a bound.</param>
    /// <param name="sum">Of all values, in the metric's unit.</param>
    /// <param name="labels">The values of its labels.</param>
    public void Add(MetricDefinition metric, long[] counts, double sum, params string[] labels)
    {
        var sample = Of(metric, labels);
        sample.Value += sum;
        sample.Counts = sample.Counts.Length == 0 ? counts : [.. sample.Counts.Zip(counts, static (one, other) => one + other)];
    }

    private MetricSample Of(MetricDefinition metric, string[] labels)
    {
        if (labels.Length != metric.Labels.Length)
            throw new ArgumentException($"{metric.Name} has {metric.Labels.Length} labels, not {labels.Length}.", nameof(labels));

        var key = $"{metric.Name}\0{string.Join('\0', labels)}";
        if (_byKey.TryGetValue(key, out var known))
            return known;

        var sample = _byKey[key] = new(labels);
        if (!_samples.TryGetValue(metric, out var all))
            _samples[metric] = all = [];
        all.Add(sample);
        return sample;
    }
}

/// <summary>One series.</summary>
/// <param name="labels">The values of its labels.</param>
internal sealed class MetricSample(string[] labels)
{
    /// <summary>The values of its labels.</summary>
    public string[] Labels => labels;

    /// <summary>Its value; the sum of a histogram.</summary>
    public double Value { get; set; }

    /// <summary>What is in each bucket of a histogram alone; empty otherwise.</summary>
    public long[] Counts { get; set; } = [];
}
