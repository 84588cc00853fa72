namespace SmtpShield.Session;

/// <summary>What log lines say of <c>smtpd_discard_ehlo_keywords</c>.</summary>
internal static class EhloKeywords
{
    private const string Silence = "silent-discard";

    // The order of Postfix's line, whatever order they are written in (ehlo_mask.c).
    private static readonly string[] InOrder =
    [
        "8BITMIME", "AUTH", "ETRN", "PIPELINING", "SIZE", "VERP", "VRFY", "XCLIENT", "XFORWARD", "STARTTLS", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8",
        "CHUNKING", "REQUIRETLS",
    ];

    /// <summary>The keywords as Postfix's line names them, then those only other MTAs have; null when there are none or the line is not wanted.</summary>
    public static string? Describe(IReadOnlyList<string> discard)
    {
        if (discard.Count == 0 || discard.Contains(Silence, StringComparer.OrdinalIgnoreCase))
            return null;

        var words = discard.Select(static keyword => keyword.ToUpperInvariant()).Distinct().ToList();
        return string.Join(' ', InOrder.Where(words.Contains).Concat(words.Except(InOrder)));
    }
}
