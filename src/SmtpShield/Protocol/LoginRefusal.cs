namespace SmtpShield.Protocol;

/// <summary>Which replies to AUTH say that the MTA has looked at credentials and does not take them.</summary>
internal static class LoginRefusal
{
    /// <summary>Whether a reply is one: 535, whatever its enhanced code (Postfix 5.7.8, Exchange 5.7.3, Sendmail 5.7.0), or another final refusal.</summary>
    /// <param name="code">The code of the last reply to AUTH.</param>
    /// <param name="hasCredentials">Whether the MTA had an initial response or an answer to a challenge to look at. Without, it refuses AUTH itself.</param>
    /// <remarks>
    /// "535 unless a more specific error code is appropriate" (RFC 2554 section 4): 525 for an account that is disabled (RFC
    /// 5248), 550 or 554 of some MTAs. None are 4xx, which says nothing of the password, errors of syntax and sequence (500 to 504, also for an exchange the
    /// client has cancelled), and what asks for TLS or another mechanism (530, 534, 538; RFC 4954 section 6).
    /// </remarks>
    public static bool Is(int code, bool hasCredentials) => code == 535 || (hasCredentials && code is > 504 and not (530 or 534 or 538));
}
