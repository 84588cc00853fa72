namespace SmtpShield.Testing.Hunter;

/// <summary>An invariant does not hold.</summary>
internal sealed class HuntException(string message) : Exception(message);
