namespace SmtpShield.Options;

/// <summary>What happens to line ends that are not CRLF: <c>smtpd_forbid_bare_newline</c>.</summary>
public enum BareNewlinePolicy
{
    /// <summary>Lone CR and LF pass unchanged, except where two MTAs could disagree on the end of a message: that message is refused.</summary>
    Guard,

    /// <summary>A message with any lone CR, LF or NUL is refused, and a command that ends in a lone LF.</summary>
    Reject,
}
