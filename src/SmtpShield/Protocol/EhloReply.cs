using System.Buffers;
using System.Collections.Frozen;

namespace SmtpShield.Protocol;

/// <summary>Removes from an EHLO reply what the shield can't follow: what it can't parse it does not offer. The first line is never touched.</summary>
internal static class EhloReply
{
    private const int LongestKeyword = 64;

    private static readonly FrozenSet<string> Followed = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "HELP", "VRFY", "EXPN", "ETRN", "DELIVERBY", "MT-PRIORITY",
        "FUTURERELEASE", "NO-SOLICITING", "RRVS", "CHUNKING", "BINARYMIME", "LIMITS", "STARTTLS", "AUTH", "XVERP");

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> FollowedByName = Followed.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Filters a whole EHLO reply.</summary>
    /// <param name="octets">The reply, every line CRLF-ended.</param>
    /// <param name="alsoPass">Keywords passed although the shield does not know them (<c>shield_pass_ehlo_keywords</c>).</param>
    /// <param name="filtered">The reply without the removed lines, its last line marked as the last; <paramref name="octets"/> itself when nothing was removed.</param>
    /// <param name="removed">Keywords removed.</param>
    public static void Filter(ReadOnlyMemory<byte> octets, IReadOnlyList<string> alsoPass, out ReadOnlyMemory<byte> filtered, out IReadOnlyList<string> removed)
    {
        filtered = octets;
        removed = [];
        List<string>? names = null;
        ArrayBufferWriter<byte>? kept = null;
        var lastKept = 0;
        var start = 0;
        for (var isFirst = true; start < octets.Length; isFirst = false)
        {
            var line = octets.Span[start..];
            line = line[..(line.IndexOf((byte)'\n') + 1)];
            if (isFirst || IsPassed(line, alsoPass))
            {
                lastKept = kept?.WrittenCount ?? 0;
                kept?.Write(line);
            }
            else
            {
                if (kept is null)
                {
                    kept = new(octets.Length);
                    kept.Write(octets.Span[..start]);
                    lastKept = kept.WrittenSpan[..^1].LastIndexOf((byte)'\n') + 1;
                }

                (names ??= []).Add(System.Text.Encoding.Latin1.GetString(KeywordOf(line)));
            }

            start += line.Length;
        }

        if (kept is null)
            return;

        var result = kept.WrittenSpan.ToArray();
        if (result[lastKept + 3] == (byte)'-')
            result[lastKept + 3] = (byte)' ';
        filtered = result;
        removed = names!;
    }

    /// <summary>Whether a whole EHLO reply has a keyword.</summary>
    public static bool Offers(ReadOnlySpan<byte> octets, ReadOnlySpan<byte> keyword)
    {
        for (var isFirst = true; !octets.IsEmpty; isFirst = false)
        {
            var line = octets[..(octets.IndexOf((byte)'\n') + 1)];
            if (!isFirst && System.Text.Ascii.EqualsIgnoreCase(KeywordOf(line), keyword))
                return true;
            octets = octets[line.Length..];
        }

        return false;
    }

    private static bool IsPassed(ReadOnlySpan<byte> line, IReadOnlyList<string> alsoPass)
    {
        var keyword = KeywordOf(line);
        if (keyword.Length is 0 or > LongestKeyword)
            return false;

        Span<char> name = stackalloc char[LongestKeyword];
        for (var i = 0; i < keyword.Length; i++)
            name[i] = (char)keyword[i];
        name = name[..keyword.Length];
        if (FollowedByName.Contains(name))
            return true;

        foreach (var other in alsoPass)
        {
            if (name.Equals(other, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }

    // "AUTH=LOGIN" is an old form of "AUTH LOGIN".
    private static ReadOnlySpan<byte> KeywordOf(ReadOnlySpan<byte> line)
    {
        var text = line.Length > 4 ? line[4..].Trim(" \t\r\n"u8) : default;
        var end = text.IndexOfAny(" \t="u8);
        return end < 0 ? text : text[..end];
    }
}
