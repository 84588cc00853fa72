namespace SmtpShield.Relay;

/// <summary>What log lines say of <c>smtpd_discard_ehlo_keywords</c>.</summary>
internal static class EhloKeywords
{
    private const string Silence = "silent-discard";

    // In the order of Postfix's ehlo_mask.c, in which it names them whatever the order in main.cf is.
    private static readonly string[] s_known =
        ["8BITMIME", "AUTH", "ETRN", "PIPELINING", "SIZE", "VERP", "VRFY", "XCLIENT", "XFORWARD", "STARTTLS", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8", "CHUNKING"];

    /// <summary>The keywords as Postfix's line names them: those it knows, in upper case and its own order; null when there are none or the line is not wanted.</summary>
    public static string? Describe(IReadOnlyList<string> discard)
    {
        if (discard.Count == 0 || discard.Contains(Silence, StringComparer.OrdinalIgnoreCase))
            return null;

        var words = string.Join(' ', s_known.Where(known => discard.Contains(known, StringComparer.OrdinalIgnoreCase)));
        return words.Length > 0 ? words : null;
    }
}
