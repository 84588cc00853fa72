namespace SmtpShield.Relay;

/// <summary>What log lines say of <c>smtpd_discard_ehlo_keywords</c>.</summary>
internal static class EhloKeywords
{
    private const string Silence = "silent-discard";

    /// <summary>The keywords as Postfix's line names them, in upper case; null when there are none or the line is not wanted.</summary>
    public static string? Describe(IReadOnlyList<string> discard)
    {
        if (discard.Count == 0 || discard.Contains(Silence, StringComparer.OrdinalIgnoreCase))
            return null;

        return string.Join(' ', discard.Select(static keyword => keyword.ToUpperInvariant()));
    }
}
