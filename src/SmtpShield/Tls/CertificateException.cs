namespace SmtpShield.Tls;

/// <summary>The certificates could not be loaded at the start.</summary>
/// <param name="message">What to tell the administrator: file, reason, remedy.</param>
internal sealed class CertificateException(string message) : Exception(message);
