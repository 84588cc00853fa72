using System.Globalization;
using System.Text;
using SmtpShield.Metrics;

namespace SmtpShield.Control.Monitoring;

/// <summary>Writes metrics as Prometheus reads them: its text format 0.0.4, or OpenMetrics 1.0.0.</summary>
/// <param name="isOpenMetrics">Which of the two.</param>
internal sealed class MetricsText(bool isOpenMetrics)
{
    private readonly StringBuilder _text = new();

    /// <summary>The media type of what is written.</summary>
    public static string MediaTypeOf(bool isOpenMetrics) => isOpenMetrics
        ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
        : "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Writes all metrics there are samples of.</summary>
    public static byte[] Write(MetricSamples samples, bool isOpenMetrics) => new MetricsText(isOpenMetrics).Write(samples);

    private byte[] Write(MetricSamples samples)
    {
        foreach (var metric in MetricCatalog.All)
        {
            if (samples.Of(metric) is not { Count: > 0 } series)
                continue;

            WriteHead(metric);
            foreach (var sample in series)
            {
                if (metric.Kind == MetricKind.Histogram)
                    WriteHistogram(metric, sample);
                else
                    WriteLine(metric.Name, metric, sample, sample.Value);
            }
        }

        if (isOpenMetrics)
            _text.Append("# EOF\n");
        return Encoding.UTF8.GetBytes(_text.ToString());
    }

    private void WriteHead(MetricDefinition metric)
    {
        var name = isOpenMetrics ? metric.Family : metric.Name;
        _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {Escape(metric.Help, isQuoted: isOpenMetrics)}\n");
        _text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {metric.Kind.ToString().ToLowerInvariant()}\n");
        if (isOpenMetrics && metric.Unit.Length > 0)
            _text.Append(CultureInfo.InvariantCulture, $"# UNIT {name} {metric.Unit}\n");
    }

    private void WriteHistogram(MetricDefinition metric, MetricSample sample)
    {
        var count = 0L;
        for (var i = 0; i < sample.Counts.Length; i++)
        {
            count += sample.Counts[i];
            WriteLine($"{metric.Name}_bucket", metric, sample, count, i < metric.Bounds.Length ? Bound(metric.Bounds[i]) : "+Inf");
        }

        WriteLine($"{metric.Name}_sum", metric, sample, sample.Value);
        WriteLine($"{metric.Name}_count", metric, sample, count);
    }

    private void WriteLine(string name, MetricDefinition metric, MetricSample sample, double value, string? bound = null)
    {
        _text.Append(name);
        var separator = '{';
        for (var i = 0; i < metric.Labels.Length; i++)
            WriteLabel(metric.Labels[i], sample.Labels[i]);
        if (bound is not null)
            WriteLabel("le", bound);
        if (separator == ',')
            _text.Append('}');
        _text.Append(' ').Append(Number(value)).Append('\n');

        void WriteLabel(string label, string text)
        {
            _text.Append(separator).Append(label).Append("=\"").Append(Escape(text, isQuoted: true)).Append('"');
            separator = ',';
        }
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    // As a number with a point in both formats: a bound is a label, and must be the same for who changes from one to the other.
    private static string Bound(double value) => Number(value) is var text && text.AsSpan().IndexOfAny('.', 'E') < 0 ? $"{text}.0" : text;

    private static string Escape(string text, bool isQuoted)
    {
        text = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return isQuoted ? text.Replace("\"", "\\\"", StringComparison.Ordinal) : text;
    }
}
