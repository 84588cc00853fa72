using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

/// <summary>The rule of <see cref="EndOfDataFinder"/> once more, over content that is all there and without a thought for speed.</summary>
internal static class SlowEndOfData
{
    // Longest first: what may still become an end and is therefore held.
    private static readonly string[] _beginnings = ["⏎.␍", "⏎.", "⏎", "␍.", "␊.", "␀.", "␍", "␊", "␀"];

    public static (ContentVerdict Verdict, int Released) Judge(byte[] content)
    {
        // The line end of the DATA command belongs to it.
        byte[] text = [.. "\r\n"u8, .. content];
        for (var dot = 2; dot < text.Length; dot++)
        {
            if (text[dot] != '.' || !IsLineBreakLike(text[dot - 1]))
                continue;
            if (dot + 1 == text.Length)
                break;
            if (!IsLineBreakLike(text[dot + 1]))
                continue;

            var isBehindCrLf = text[dot - 2] == '\r' && text[dot - 1] == '\n';
            if (isBehindCrLf && text[dot + 1] == '\r')
            {
                if (dot + 2 == text.Length)
                    break;
                var isBehindNul = dot > 2 && text[dot - 3] == 0;
                if (text[dot + 2] == '\n' && !isBehindNul)
                    return (ContentVerdict.End, dot + 3 - 2);
            }

            return (ContentVerdict.Ambiguous, Math.Max(0, dot - (isBehindCrLf ? 2 : 1) - 2));
        }

        var held = _beginnings.Select(Octets.Of).FirstOrDefault(beginning => text.AsSpan().EndsWith(beginning), []);
        return (ContentVerdict.Continues, Math.Max(0, text.Length - held.Length - 2));
    }

    /// <summary>
    /// The same with <c>smtpd_forbid_bare_newline = reject</c>: a lone CR, a lone LF or a NUL is ambiguous wherever it stands before the end.
    /// </summary>
    public static (ContentVerdict Verdict, int Released) JudgeStrictly(byte[] content)
    {
        var judged = Judge(content);
        var lone = Array.FindIndex([.. Enumerable.Range(0, content.Length).Select(i => IsLone(content, i))], static isLone => isLone);
        return lone < 0 || (judged.Verdict != ContentVerdict.Continues && judged.Released <= lone) ? judged : (ContentVerdict.Ambiguous, lone);
    }

    private static bool IsLone(byte[] content, int i) => content[i] switch
    {
        0 => true,
        (byte)'\n' => i == 0 || content[i - 1] != '\r',
        (byte)'\r' => i + 1 < content.Length && content[i + 1] != '\n',
        _ => false,
    };

    private static bool IsLineBreakLike(byte octet) => octet is (byte)'\r' or (byte)'\n' or 0;
}
