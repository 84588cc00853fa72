namespace SmtpShield.Tls;

/// <summary>TLS could not be set up with the MTA.</summary>
/// <param name="reason">Why, in the words of Postfix's smtp(8), as in <c>Cannot start TLS: handshake failure</c>. Nothing of the peer's is in it.</param>
/// <param name="cause">What failed.</param>
internal sealed class TlsException(string reason, Exception? cause = null) : IOException(reason, cause);
