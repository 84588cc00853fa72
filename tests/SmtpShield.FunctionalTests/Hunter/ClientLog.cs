namespace SmtpShield.FunctionalTests.Hunter;

/// <summary>What happened at the client's end, one character an octet.</summary>
/// <param name="Sent">All it sent.</param>
/// <param name="Received">All it received; if it vanished, only what it had read by then.</param>
/// <param name="HasVanished">It closed or reset the connection while it was still being served.</param>
internal sealed record ClientLog(string Sent, string Received, bool HasVanished);
