using System.Globalization;

namespace SmtpShield.Benchmarks.Observe;

/// <summary>One thing that was measured.</summary>
/// <param name="What">What it is.</param>
/// <param name="Measured">With its unit.</param>
/// <param name="Most">What is expected; empty: nothing is.</param>
internal sealed record ObserveFigure(string What, string Measured, string Most = "")
{
    /// <summary>The head of the table that <see cref="Row"/> is a row of.</summary>
    public const string Head = "| What | Measured | Expected |\n| --- | --- | --- |";

    /// <summary>As a row of a Markdown table.</summary>
    public string Row => $"| {What} | {Measured} | {Most} |";

    /// <summary>A time as people read it.</summary>
    public static string Time(double nanoseconds) => nanoseconds switch
    {
        < 10_000 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds:0} ns"),
        < 10_000_000 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1000:0} µs"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1_000_000:0} ms"),
    };

    /// <summary>Memory as people read it.</summary>
    public static string Octets(double octets) => string.Create(CultureInfo.InvariantCulture, $"{octets / (1 << 20):0.0} MiB");

    /// <summary>The middle one; of an even number the upper one.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
