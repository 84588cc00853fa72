namespace SmtpShield.Mta.Health;

/// <summary>What a try to have a session with a destination has shown.</summary>
/// <param name="Kind">What it means.</param>
/// <param name="Reason">Why; empty for a good one.</param>
/// <param name="Took">How long the greeting took, or was waited for.</param>
internal sealed record ProbeOutcome(ProbeOutcomeKind Kind, string Reason, TimeSpan Took);
