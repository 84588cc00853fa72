namespace SmtpShield.Metrics;

/// <summary>One metric as those see it who read it. All there are stand in <see cref="MetricCatalog"/>.</summary>
/// <param name="Name">Its name in Prometheus' text: ends in <c>_total</c> for a counter, and before that in its unit.</param>
/// <param name="Kind">What its numbers are.</param>
/// <param name="Help">A sentence.</param>
/// <param name="Labels">The names of its labels. Their values are configured names and words of the shield's own, nothing a client sends.</param>
internal sealed record MetricDefinition(string Name, MetricKind Kind, string Help, params string[] Labels)
{
    private const string Total = "_total";

    // The unit's word at the end of a name, and as OTLP has it (UCUM).
    private static readonly (string Word, string Code)[] _units = [("_seconds", "s"), ("_bytes", "By")];

    /// <summary>The upper bounds of a histogram's buckets, in its unit; the last one, which has none, is not among them.</summary>
    public double[] Bounds { get; init; } = [];

    /// <summary>The name of the family in OpenMetrics, which has <c>_total</c> on a counter's samples only.</summary>
    public string Family => Kind == MetricKind.Counter ? Name[..^Total.Length] : Name;

    /// <summary>Its unit as a word, <c>seconds</c> or <c>bytes</c>; empty: it counts things.</summary>
    public string Unit => Array.Find(_units, unit => Family.EndsWith(unit.Word, StringComparison.Ordinal)).Word?[1..] ?? "";

    /// <summary>Its unit in OTLP; null: it counts things.</summary>
    public string? UnitCode => Array.Find(_units, unit => Family.EndsWith(unit.Word, StringComparison.Ordinal)).Code;

    /// <summary>
    /// Its name in OTLP: dots, and neither unit nor <c>_total</c>. Who makes a name for Prometheus of it, by OpenTelemetry's rules, gets <see cref="Name"/>.
    /// </summary>
    public string DottedName => (Unit.Length > 0 ? Family[..^(Unit.Length + 1)] : Family).Replace('_', '.');
}
