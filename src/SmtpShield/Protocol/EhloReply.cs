using System.Buffers;
using System.Collections.Frozen;

namespace SmtpShield.Protocol;

/// <summary>Removes from an EHLO reply what the shield can't follow: what it can't parse it does not offer. The first line is never touched.</summary>
internal static class EhloReply
{
    private const int LongestKeyword = 64;

    private const int LengthOfCodeAlone = 5;

    private static ReadOnlySpan<byte> StartTls => "250-STARTTLS\r\n"u8;

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
        List<string>? names = null;
        var kept = new ArrayBufferWriter<byte>(octets.Length + StartTls.Length);
        var passesBinary = filter.PassesChunking && Offers(octets.Span, "CHUNKING"u8) && !IsListed("CHUNKING"u8, filter.Discard);
        var owesStartTls = filter.OffersStartTls;
        var rest = octets.Span;
        for (var isFirst = true; !rest.IsEmpty; isFirst = false)
        {
            var line = rest[..(rest.IndexOf((byte)'\n') + 1)];
            rest = rest[line.Length..];
            var keyword = KeywordOf(line);
            if (isFirst)
            {
                // A code alone has no place for the hyphen.
                kept.Write(owesStartTls && line.Length == LengthOfCodeAlone ? "250 \r\n"u8 : line);
                continue;
            }

            if (IsDiscarded(keyword, filter) || (!passesBinary && (Is(keyword, "CHUNKING"u8) || Is(keyword, "BINARYMIME"u8))))
                continue;

            if (!IsPassed(keyword, filter.AlsoPass))
            {
                if (!keyword.IsEmpty)
                    (names ??= []).Add(System.Text.Encoding.Latin1.GetString(keyword));
                continue;
            }

            if (owesStartTls && !IsBeforeStartTls(keyword))
            {
                kept.Write(StartTls);
                owesStartTls = false;
            }

            Write(line, keyword, filter, kept);
        }

        if (owesStartTls)
            kept.Write(StartTls);
        removed = names ?? [];
        filtered = kept.WrittenSpan.SequenceEqual(octets.Span) ? octets : WithSeparators(kept.WrittenSpan);
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

    private static bool IsDiscarded(ReadOnlySpan<byte> keyword, EhloFilter filter) =>
        (!filter.PassesStartTls && Is(keyword, "STARTTLS"u8))
        || (!filter.PassesAuth && Is(keyword, "AUTH"u8))
        || (filter.Discard.Count > 0 && (IsListed(keyword, filter.Discard) || (Is(keyword, "XVERP"u8) && IsListed("VERP"u8, filter.Discard))));

    // Postfix's order (smtpd.c, ehlo_cmd).
    private static bool IsBeforeStartTls(ReadOnlySpan<byte> keyword) =>
        Is(keyword, "PIPELINING"u8) || Is(keyword, "SIZE"u8) || Is(keyword, "VRFY"u8) || Is(keyword, "ETRN"u8);

    private static bool IsListed(ReadOnlySpan<byte> keyword, IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            if (System.Text.Ascii.EqualsIgnoreCase(keyword, name))
                return true;
        }

        return false;
    }

    private static void Write(ReadOnlySpan<byte> line, ReadOnlySpan<byte> keyword, EhloFilter filter, ArrayBufferWriter<byte> output)
    {
        if (Is(keyword, "LIMITS"u8))
            WriteLimits(line, filter.RecipientLimit, output);
        else if (Is(keyword, "AUTH"u8) && filter.Mechanisms != PassedMechanisms.All && line[4..].ContainsAny(" \t="u8))
            SaslMechanisms.Write(line, filter.Mechanisms, output);
        else
            output.Write(line);
    }

    // RFC 9422 section 4: NAME=VALUE, separated by blanks. What is no number is left as it is.
    private static void WriteLimits(ReadOnlySpan<byte> line, int recipientLimit, ArrayBufferWriter<byte> output)
    {
        var name = "RCPTMAX="u8;
        while (!line.IsEmpty)
        {
            var end = line.IndexOfAny(" \t\r\n"u8);
            var word = line[..end];
            var isOurs = word.Length > name.Length && Is(word[..name.Length], name)
                && System.Buffers.Text.Utf8Parser.TryParse(word[name.Length..], out ulong limit, out var digits) && digits == word.Length - name.Length
                && limit > (ulong)recipientLimit;
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

            output.Write(line.Slice(end, 1));
            line = line[(end + 1)..];
        }
    }

    // A hyphen behind the code of every line but the last (RFC 5321 section 4.2.1).
    private static byte[] WithSeparators(ReadOnlySpan<byte> lines)
    {
        var result = lines.ToArray();
        var last = 0;
        for (var start = 0; start < result.Length; start += Array.IndexOf(result, (byte)'\n', start) - start + 1)
        {
            result[start + 3] = (byte)'-';
            last = start;
        }

        result[last + 3] = (byte)' ';
        return result;
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
