using SmtpShield.Control.Changes;

namespace SmtpShield.Control.Tuning;

/// <summary>The body of a request that resets a parameter.</summary>
/// <param name="DryRun">Whether to say only what would come of it.</param>
/// <param name="Why">For the log.</param>
internal sealed record ResetRequest(bool DryRun = false, string? Why = null) : ChangeRequest(Why);
