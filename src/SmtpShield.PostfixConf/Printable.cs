namespace SmtpShield.PostfixConf;

/// <summary>Makes text from a file fit to be shown on one line.</summary>
internal static class Printable
{
    private const int MaxLength = 1000;

    /// <summary>The text with control characters as <c>?</c>, cut when it is very long.</summary>
    public static string Text(string text)
    {
        var end = Math.Min(text.Length, MaxLength);
        var shown = string.Create(end, text, static (span, source) =>
        {
            for (var i = 0; i < span.Length; i++)
                span[i] = char.IsControl(source[i]) ? '?' : source[i];
        });
        return end < text.Length ? shown + "..." : shown;
    }

    /// <summary>At most <paramref name="length"/> characters of the text, as <c>%.20s</c> prints them.</summary>
    public static string Start(string text, int length) => text.Length <= length ? text : text[..length];
}
