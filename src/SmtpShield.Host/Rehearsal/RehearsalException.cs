namespace SmtpShield.Host.Rehearsal;

/// <summary>Something can't be rehearsed. The message is one line.</summary>
internal sealed class RehearsalException(string message) : Exception(message);
