namespace SmtpShield.Metrics;

/// <summary>The series of one metric that belong to one owner: a number for each set of labels. The sets are fixed when it is made.</summary>
internal sealed class CounterCells
{
    private readonly Cells _cells;
    private readonly string[][] _labels;

    /// <summary>With a number, 0, for each set.</summary>
    /// <param name="metric">What is counted.</param>
    /// <param name="labels">The values of all its labels, a set each.</param>
    public CounterCells(MetricDefinition metric, IEnumerable<string[]> labels)
    {
        Metric = metric;
        _labels = [.. labels];
        _cells = new(_labels.Length);
    }

    /// <summary>What is counted.</summary>
    public MetricDefinition Metric { get; }

    /// <summary>Counts.</summary>
    /// <param name="index">For which set of labels.</param>
    /// <param name="amount">How many.</param>
    public void Add(int index, long amount = 1) => _cells.Add(index, amount);

    /// <summary>What has been counted for a set of labels.</summary>
    public long this[int index] => _cells.Sum(index);

    /// <summary>Says all of it.</summary>
    /// <param name="samples">To whom.</param>
    /// <param name="scale">What 1 is in the metric's unit.</param>
    public void Collect(MetricSamples samples, double scale = 1)
    {
        for (var i = 0; i < _labels.Length; i++)
            // What went up on one processor and down on another may be seen half.
            samples.Add(Metric, Math.Max(0, _cells.Sum(i)) * scale, _labels[i]);
    }
}
