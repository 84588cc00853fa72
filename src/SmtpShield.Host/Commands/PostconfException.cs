namespace SmtpShield.Host.Commands;

/// <summary>Ends a <c>postconf</c> run with <c>postconf: fatal: …</c> and exit status 1. Caught once, in <see cref="PostconfCommand"/>.</summary>
internal sealed class PostconfException(string message) : Exception(message);
