namespace SmtpShield.Control.Tuning;

/// <summary>A value that was set on the running shield.</summary>
/// <param name="Value">The value, as written.</param>
/// <param name="Since">When it was set.</param>
/// <param name="By">Who has set it.</param>
internal sealed record OverrideReport(string Value, DateTimeOffset Since, string By)
{
    /// <summary>When it ends by itself; null: when somebody resets it.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Why.</summary>
    public string? Why { get; init; }

    /// <summary>As it is kept.</summary>
    public static OverrideReport Of(Override one) => new(one.Value, one.Since, one.By) { Until = one.Until, Why = one.Why };
}
