using System.Text.Json.Serialization;

namespace SmtpShield.Control.Suggestions;

/// <summary>What clients that deliver mail need of one limit.</summary>
/// <param name="Limit">Its parameter.</param>
/// <param name="Windows">Windows of theirs in which there was anything to count; of open connections, connections; of a session's errors, sessions.</param>
/// <param name="Now">The limit in force; 0: off.</param>
/// <param name="CutOff">Whether the limit in force cuts off what is seen.</param>
/// <param name="OthersOf">What <see cref="OthersAbove"/> is a share of.</param>
internal sealed record LimitSuggestion(string Limit, long Windows, int Now, bool CutOff, string OthersOf)
{
    /// <summary>The median; null: there are no windows.</summary>
    public int? P50 { get; init; }

    /// <summary>The 99th percentile.</summary>
    public int? P99 { get; init; }

    /// <summary>The 99.9th percentile.</summary>
    public int? P999 { get; init; }

    /// <summary>The largest.</summary>
    public int? Max { get; init; }

    /// <summary>What the 99.9th percentile is below, with 95 %; null: too little was seen.</summary>
    [JsonPropertyName("upper_95")]
    public int? Upper95 { get; init; }

    /// <summary>The value that is proposed; null: too little was seen.</summary>
    public int? Proposed { get; init; }

    /// <summary>The share of what others have done that is above the proposal; null: none is proposed, or they have done nothing.</summary>
    public double? OthersAbove { get; init; }
}
