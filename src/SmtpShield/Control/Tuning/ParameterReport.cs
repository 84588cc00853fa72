using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Control.Tuning;

/// <summary>A parameter that may be set on the running shield, as a service has it.</summary>
/// <param name="Service">The service.</param>
/// <param name="Name">The parameter.</param>
/// <param name="Value">Its value, expanded.</param>
/// <param name="Origin">Where it was set: <c>default</c>, <c>main.cf:14</c>, <c>environment</c>, <c>-o</c>, <c>runtime</c>.</param>
/// <param name="Own">Whether the service has a value of its own.</param>
/// <param name="Kind"><c>number</c>, <c>time</c>, <c>boolean</c>, <c>list</c> or <c>word</c>.</param>
internal sealed record ParameterReport(string Service, string Name, string Value, string Origin, bool Own, string Kind)
{
    /// <summary>Its value under stress, where it is another one.</summary>
    public string? StressValue { get; init; }

    /// <summary>What it is a number of: <c>connections</c>, <c>octets</c>; of a time without a unit <c>seconds</c>; null: it is no number.</summary>
    public string? Unit { get; init; }

    /// <summary>The smallest number, or number of seconds.</summary>
    public int? Minimum { get; init; }

    /// <summary>The largest number, or number of seconds.</summary>
    public int? Maximum { get; init; }

    /// <summary>How often it was hit in the last hour, or since the start; null: it is no limit that is counted.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("hits_1h")]
    public long? HitsLastHour { get; init; }

    /// <summary>When its value ends by itself.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>What it would be without overrides, where there are some.</summary>
    public ConfiguredValue? Configured { get; init; }

    /// <summary>What was set on the running shield, the one that counts first; null: nothing.</summary>
    public IReadOnlyList<OverrideReport>? Overrides { get; init; }

    /// <summary>A parameter.</summary>
    /// <param name="view">How it is.</param>
    /// <param name="configured">How it would be without overrides.</param>
    /// <param name="overrides">Those there are.</param>
    /// <param name="hits">How often it was hit.</param>
    public static ParameterReport Of(ParameterView view, ParameterView configured, OverrideList overrides, long? hits)
    {
        var (definition, type) = (view.Definition, view.Definition.ValueType);
        var isNumber = type == typeof(int) || type == typeof(TimeSpan);
        var own = overrides.Of(view.Written).ToList();
        return new(view.Service, view.Name, view.Value, view.Location.Origin, view.IsOwn, KindOf(type))
        {
            StressValue = view.StressValue != view.Value ? view.StressValue : null,
            Unit = ParameterUnits.Of(definition),
            Minimum = isNumber && definition.Minimum > int.MinValue ? definition.Minimum : null,
            Maximum = isNumber && definition.Maximum < int.MaxValue ? definition.Maximum : null,
            HitsLastHour = hits,
            Until = own.Count > 0 ? own[0].Until : null,
            Configured = own.Count > 0 ? new(configured.Value, configured.Location.Origin) : null,
            Overrides = own.Count > 0 ? [.. own.Select(OverrideReport.Of)] : null,
        };
    }

    private static string KindOf(Type type) => type == typeof(int) ? "number" : type == typeof(TimeSpan) ? "time" : type == typeof(bool) ? "boolean"
        : type == typeof(AddressPatternList) ? "list" : "word";
}
