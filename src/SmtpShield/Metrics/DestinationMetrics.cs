using System.Diagnostics.Metrics;

namespace SmtpShield.Metrics;

/// <summary>What is counted of one MTA, for all services that use it.</summary>
internal sealed class DestinationMetrics
{
    private readonly CounterCells _dials;
    private readonly HistogramCells[] _replies;

    /// <summary>Nothing has happened yet.</summary>
    /// <param name="label">The destination as configured, or the word for all that have no series of their own.</param>
    /// <param name="replies">Whom else to tell how long replies took.</param>
    public DestinationMetrics(string label, Histogram<double>? replies)
    {
        Label = label;
        _dials = new(MetricCatalog.UpstreamDials, Words.Of<DialOutcome>().Select(word => (string[])[label, word]));
        _replies = [.. Words.Of<ReplyPhase>()
            .Select(word => new HistogramCells(MetricCatalog.UpstreamReplyDuration, 1.0 / TimeSpan.TicksPerSecond, replies, label, word))];
    }

    /// <summary>The value of the label <c>destination</c>.</summary>
    public string Label { get; }

    /// <summary>In a few numbers.</summary>
    public DestinationTotals Totals => new(
        Enum.GetValues<DialOutcome>().Where(static outcome => outcome != DialOutcome.Greeted).Sum(outcome => _dials[(int)outcome]),
        _replies[(int)ReplyPhase.Command].Buckets);

    /// <summary>A try to reach it for a client is over.</summary>
    public void NoteDial(DialOutcome outcome) => _dials.Add((int)outcome);

    /// <summary>It has answered.</summary>
    /// <param name="phase">What.</param>
    /// <param name="took">How long it was waited for.</param>
    public void NoteReply(ReplyPhase phase, TimeSpan took) => _replies[(int)phase].Note(took.Ticks);

    /// <summary>Says all of it.</summary>
    public void Collect(MetricSamples samples)
    {
        _dials.Collect(samples);
        foreach (var phase in _replies)
            phase.Collect(samples);
    }
}
