namespace SmtpShield.Limits.Shared;

/// <summary>The store has not answered an exchange, or not as it should.</summary>
/// <param name="reason">Why, for the log; nothing a client has said.</param>
/// <param name="cause">What it comes from.</param>
internal sealed class SharedStoreException(string reason, Exception? cause = null) : Exception(reason, cause);
