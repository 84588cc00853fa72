namespace SmtpShield.Control.Tuning;

/// <summary>What a parameter would be without what was set on the running shield.</summary>
/// <param name="Value">The value, expanded.</param>
/// <param name="Origin">Where it was set.</param>
internal sealed record ConfiguredValue(string Value, string Origin);
