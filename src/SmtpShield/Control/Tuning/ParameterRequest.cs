using SmtpShield.Control.Changes;

namespace SmtpShield.Control.Tuning;

/// <summary>The body of a request that sets a parameter.</summary>
/// <param name="Value">The value, as in main.cf.</param>
/// <param name="ForS">Seconds it lasts; null: until it is reset.</param>
/// <param name="DryRun">Whether to say only what would come of it.</param>
/// <param name="Why">For the log.</param>
internal sealed record ParameterRequest(string? Value = null, long? ForS = null, bool DryRun = false, string? Why = null) : ChangeRequest(Why);
