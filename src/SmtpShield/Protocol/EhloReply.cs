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
    /// <param name="filter">What is configured.</param>
    /// <param name="filtered">The reply as clients get it, its last line marked as the last; <paramref name="octets"/> itself when nothing was changed.</param>
    /// <param name="removed">Keywords removed because the shield can't follow them.</param>
    public static void Filter(ReadOnlyMemory<byte> octets, EhloFilter filter, out ReadOnlyMemory<byte> filtered, out IReadOnlyList<string> removed)
    {
        filtered = octets;
        List<string>? names = null;
        var kept = new ArrayBufferWriter<byte>(octets.Length);
        var passesBinary = filter.PassesChunking && Offers(octets.Span, "CHUNKING"u8) && !IsListed("CHUNKING"u8, filter.Discard);
        var isChanged = false;
        var lastKept = 0;
        var rest = octets.Span;
        for (var isFirst = true; !rest.IsEmpty; isFirst = false)
        {
            var line = rest[..(rest.IndexOf((byte)'\n') + 1)];
            rest = rest[line.Length..];
            var keyword = KeywordOf(line);
            if (!isFirst && (IsDiscarded(keyword, filter.Discard) || (!passesBinary && (Is(keyword, "CHUNKING"u8) || Is(keyword, "BINARYMIME"u8)))))
            {
                isChanged = true;
            }
            else if (!isFirst && !IsPassed(keyword, filter.AlsoPass))
            {
                isChanged = true;
                if (!keyword.IsEmpty)
                    (names ??= []).Add(System.Text.Encoding.Latin1.GetString(keyword));
            }
            else
            {
                lastKept = kept.WrittenCount;
                isChanged |= !isFirst && Is(keyword, "LIMITS"u8) ? WriteLimits(line, filter.RecipientLimit, kept) : Write(line, kept);
            }
        }

        removed = names ?? [];
        if (!isChanged)
            return;

        var result = kept.WrittenSpan.ToArray();
        if (result[lastKept + 3] == (byte)'-')
            result[lastKept + 3] = (byte)' ';
        filtered = result;
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

    private static bool IsPassed(ReadOnlySpan<byte> keyword, IReadOnlyList<string> alsoPass)
    {
        if (keyword.Length is 0 or > LongestKeyword)
            return false;

        Span<char> name = stackalloc char[LongestKeyword];
        name = name[..System.Text.Encoding.Latin1.GetChars(keyword, name)];
        return FollowedByName.Contains(name) || IsListed(keyword, alsoPass);
    }

    private static bool IsDiscarded(ReadOnlySpan<byte> keyword, IReadOnlyList<string> discard) =>
        discard.Count > 0 && (IsListed(keyword, discard) || (Is(keyword, "XVERP"u8) && IsListed("VERP"u8, discard)));

    private static bool IsListed(ReadOnlySpan<byte> keyword, IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            if (System.Text.Ascii.EqualsIgnoreCase(keyword, name))
                return true;
        }

        return false;
    }

    private static bool Write(ReadOnlySpan<byte> line, ArrayBufferWriter<byte> output)
    {
        output.Write(line);
        return false;
    }

    // RFC 9422 section 4: NAME=VALUE, separated by blanks. What is no number is left as it is.
    private static bool WriteLimits(ReadOnlySpan<byte> line, int recipientLimit, ArrayBufferWriter<byte> output)
    {
        var name = "RCPTMAX="u8;
        var isChanged = false;
        while (!line.IsEmpty)
        {
            var end = line.IndexOfAny(" \t\r\n"u8);
            var word = line[..end];
            var isOurs = word.Length > name.Length && Is(word[..name.Length], name)
                && System.Buffers.Text.Utf8Parser.TryParse(word[name.Length..], out ulong limit, out var digits) && digits == word.Length - name.Length && limit > (ulong)recipientLimit;
            if (isOurs)
            {
                output.Write(name);
                recipientLimit.TryFormat(output.GetSpan(16), out var written, provider: System.Globalization.CultureInfo.InvariantCulture);
                output.Advance(written);
            }
            else
            {
                output.Write(word);
            }

            isChanged |= isOurs;
            output.Write(line.Slice(end, 1));
            line = line[(end + 1)..];
        }

        return isChanged;
    }

    private static bool Is(ReadOnlySpan<byte> keyword, ReadOnlySpan<byte> name) => System.Text.Ascii.EqualsIgnoreCase(keyword, name);

    // "AUTH=LOGIN" is an old form of "AUTH LOGIN".
    private static ReadOnlySpan<byte> KeywordOf(ReadOnlySpan<byte> line)
    {
        var text = line.Length > 4 ? line[4..].Trim(" \t\r\n"u8) : default;
        var end = text.IndexOfAny(" \t="u8);
        return end < 0 ? text : text[..end];
    }
}
