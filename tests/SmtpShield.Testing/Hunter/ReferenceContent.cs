namespace SmtpShield.Testing.Hunter;

/// <summary>Where message content ends: the rule of the shield once more, over all the client sent.</summary>
/// <param name="Ending">How it ends.</param>
/// <param name="Length">Octets the MTA may get: with the end, or up to the ambiguous octets, or what is there.</param>
internal readonly record struct ReferenceContent(ReferenceContent.Kind Ending, int Length)
{
    internal enum Kind
    {
        Unfinished,
        Ended,
        Ambiguous,
    }

    public static ReferenceContent Of(string content, bool isStrict)
    {
        // The line end of the DATA command counts.
        var text = "\r\n" + content;
        for (var i = 2; i < text.Length; i++)
        {
            var isBreakBefore = IsBreak(text[i - 1]);
            if (text[i] == '.' && isBreakBefore)
            {
                if (i + 1 == text.Length)
                    break;
                if (!IsBreak(text[i + 1]))
                    continue;

                var isBehindCrLf = text[i - 2] == '\r' && text[i - 1] == '\n';
                if (isBehindCrLf && text[i + 1] == '\r' && i + 2 == text.Length)
                    break;
                var isEnd = isBehindCrLf && text[i + 1] == '\r' && text[i + 2] == '\n' && (i < 3 || text[i - 3] != '\0');
                return isEnd ? new(Kind.Ended, i + 1) : new(Kind.Ambiguous, Math.Max(0, i - (isBehindCrLf ? 2 : 1) - 2));
            }

            var isLone = text[i] switch { '\0' => true, '\n' => text[i - 1] != '\r' || i == 2, '\r' => i + 1 < text.Length && text[i + 1] != '\n', _ => false };
            if (isStrict && isLone)
                return new(Kind.Ambiguous, i - 2);
        }

        return new(Kind.Unfinished, content.Length);
    }

    /// <summary>Whether some parser could see an end in content that has none or, with its end, another one.</summary>
    /// <param name="received">What the MTA has.</param>
    /// <param name="isComplete">Whether its end has come.</param>
    /// <param name="wasCut">The MTA itself stopped reading somewhere, so that its last octets say nothing of what was sent behind them.</param>
    public static bool IsDoubtful(string received, bool isComplete, bool wasCut)
    {
        var text = "\r\n" + (isComplete ? received[..^3] : received);
        for (var i = 1; i < text.Length; i++)
        {
            if (text[i] == '.' && IsBreak(text[i - 1]) && (i + 1 == text.Length ? !isComplete && !wasCut : IsBreak(text[i + 1])))
                return true;
        }

        return isComplete && received.EndsWith("\0\r\n.\r\n", StringComparison.Ordinal);
    }

    private static bool IsBreak(char octet) => octet is '\r' or '\n' or '\0';
}
