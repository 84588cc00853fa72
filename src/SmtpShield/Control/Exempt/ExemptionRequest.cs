using SmtpShield.Control.Changes;

namespace SmtpShield.Control.Exempt;

/// <summary>The body of an exemption.</summary>
/// <param name="Prefix">An address or a network.</param>
/// <param name="ForS">Seconds it lasts.</param>
/// <param name="Why">For the log.</param>
internal sealed record ExemptionRequest(string? Prefix = null, long? ForS = null, string? Why = null) : ChangeRequest(Why);
