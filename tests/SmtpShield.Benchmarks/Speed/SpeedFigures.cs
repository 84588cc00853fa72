using System.Globalization;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>The medians of one contender's rounds of one workload.</summary>
internal sealed record SpeedFigures
{
    /// <summary>The head of the table that <see cref="Row"/> is a row of.</summary>
    public const string Head = "| Workload | Way | A second | Ratio | CPU each | Ratio | p50 | p99 | Resident | CPU of the load, each |\n"
        + "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

    /// <summary>The workload.</summary>
    public required string Workload { get; init; }

    /// <summary>What is counted.</summary>
    public required string Unit { get; init; }

    /// <summary>The contender.</summary>
    public required string Contender { get; init; }

    /// <summary>Units a second in each round, in their order.</summary>
    public required IReadOnlyList<double> Rounds { get; init; }

    /// <summary>Their median.</summary>
    public required double PerSecond { get; init; }

    /// <summary>Processor time of the contender for a unit, in microseconds; null for one without a process.</summary>
    public required double? ProcessorMicroseconds { get; init; }

    /// <summary>Processor time of the load and of the server for a unit, in microseconds.</summary>
    public required double LoadMicroseconds { get; init; }

    /// <summary>Half of the delays lie below, in microseconds; null when nobody looked.</summary>
    public required double? MedianDelay { get; init; }

    /// <summary>The same for 99 of 100.</summary>
    public required double? P99Delay { get; init; }

    /// <summary>Memory resident, in mebioctets; null when nobody looked.</summary>
    public required double? Resident { get; init; }

    /// <summary>The medians of some rounds.</summary>
    public static SpeedFigures Of(Workload workload, Contender contender, IReadOnlyList<Sample> samples)
    {
        double[] rounds = [.. samples.Select(static sample => sample.Units / sample.Elapsed.TotalSeconds)];
        var hasProcess = samples.Any(static sample => sample.Processor > TimeSpan.Zero);
        return new()
        {
            Workload = workload.Name,
            Unit = workload.Unit,
            Contender = contender.Name,
            Rounds = rounds,
            PerSecond = Median(rounds)!.Value,
            ProcessorMicroseconds = hasProcess ? Median(samples.Select(static sample => (double?)(sample.Processor.TotalMicroseconds / sample.Units))) : null,
            LoadMicroseconds = Median(samples.Select(static sample => (double?)(sample.Load.TotalMicroseconds / sample.Units)))!.Value,
            MedianDelay = Median(samples.Select(static sample => sample.Delay(0.5))),
            P99Delay = Median(samples.Select(static sample => sample.Delay(0.99))),
            Resident = Median(samples.Select(static sample => sample.Resident)),
        };
    }

    /// <summary>As a row of a Markdown table.</summary>
    /// <param name="reference">The one it is compared with.</param>
    public string Row(SpeedFigures reference) => string.Create(CultureInfo.InvariantCulture,
        $"| {Workload} | {Contender} | {PerSecond:0.#} {Unit} | {PerSecond / reference.PerSecond:0.00} | {Time(ProcessorMicroseconds)} "
        + $"| {Ratio(ProcessorMicroseconds / reference.ProcessorMicroseconds)} | {Time(MedianDelay)} | {Time(P99Delay)} "
        + $"| {(Resident is { } resident ? resident.ToString("0", CultureInfo.InvariantCulture) + " MB" : "–")} | {Time(LoadMicroseconds)} |");

    private static double? Median(IEnumerable<double> values) => Median(values.Select(static value => (double?)value));

    private static double? Median(IEnumerable<double?> values)
    {
        double[] sorted = [.. values.OfType<double>().Order()];
        return sorted.Length == 0 ? null : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Time(double? microseconds) => microseconds switch
    {
        null => "–",
        < 1000 and var few => few.ToString("0", CultureInfo.InvariantCulture) + " µs",
        { } many => (many / 1000).ToString("0.0", CultureInfo.InvariantCulture) + " ms",
    };

    private static string Ratio(double? ratio) => ratio is { } value ? value.ToString("0.00", CultureInfo.InvariantCulture) : "–";
}
