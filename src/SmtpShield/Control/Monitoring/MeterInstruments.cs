using System.Diagnostics.Metrics;
using SmtpShield.Metrics;

namespace SmtpShield.Control.Monitoring;

/// <summary>The metrics as instruments of the program's meter, for who collects there. Histograms are the meter's own.</summary>
internal sealed class MeterInstruments
{
    /// <summary>Adds them.</summary>
    public MeterInstruments(ShieldMetrics metrics, MetricsReader reader)
    {
        foreach (var metric in MetricCatalog.All)
        {
            if (metric.Kind == MetricKind.Counter)
                metrics.Meter.CreateObservableCounter(metric.DottedName, () => Read(reader, metric), metric.UnitCode, metric.Help);
            else if (metric.Kind == MetricKind.Gauge)
                metrics.Meter.CreateObservableGauge(metric.DottedName, () => Read(reader, metric), metric.UnitCode, metric.Help);
        }
    }

    private static IEnumerable<Measurement<double>> Read(MetricsReader reader, MetricDefinition metric) =>
        reader.Read().Of(metric).Select(sample =>
            new Measurement<double>(sample.Value, metric.Labels.Zip(sample.Labels, static (label, value) => new KeyValuePair<string, object?>(label, value))));
}
