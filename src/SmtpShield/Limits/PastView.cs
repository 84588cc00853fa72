namespace SmtpShield.Limits;

/// <summary>What was refused to a client, copied.</summary>
/// <param name="First">The second of its first event that is known.</param>
/// <param name="Refused">Refusals by the shield since then.</param>
/// <param name="Events">The last ones, the newest first.</param>
internal sealed record PastView(int First, int Refused, IReadOnlyList<ClientEvent> Events);
