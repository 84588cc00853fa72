using System.Buffers;

namespace SmtpShield.Protocol;

/// <summary>
/// Reads the MTA's replies: lines <c>ddd-text</c> and a last <c>ddd text</c> or <c>ddd</c>, all with one code from 200 to 599 (RFC 5321 section 4.2.1). Lines
/// may end in LF alone. The one definition of a reply, for the greeting and the shield's own commands as for those of a session.
/// </summary>
/// <remarks>Remembers what it has looked at, so that a reply which arrives octet by octet is not read from its start each time. Allocates nothing.</remarks>
internal struct ReplyReader
{
    private long _read;
    private int _searched;
    private int _lines;
    private int _code;
    private bool _isUnclean;

    /// <summary>Reads one whole reply; text is opaque, the fourth octet decides whether a line is the last.</summary>
    /// <param name="input">What has been received of it, from its first octet on: each time at least what there was before.</param>
    /// <param name="reply">The reply, when complete; the reader then begins anew.</param>
    /// <returns>Behind <see cref="ReplyStatus.Malformed"/> it can't be used again.</returns>
    public ReplyStatus TryRead(in ReadOnlySequence<byte> input, out ReplyFrame reply)
    {
        reply = default;
        while (true)
        {
            var rest = input.Slice(_read);
            var window = rest.Length > ProtocolLimits.ReplyLine ? rest.Slice(0, ProtocolLimits.ReplyLine) : rest;
            if (window.Slice(_searched).PositionOf((byte)'\n') is not { } lineFeed)
            {
                _searched = (int)window.Length;
                var isReplySoFar = CouldBeCode(window, _code) && window.Length < ProtocolLimits.ReplyLine && input.Length < ProtocolLimits.Reply;
                return isReplySoFar ? ReplyStatus.NeedMore : ReplyStatus.Malformed;
            }

            var line = rest.Slice(0, lineFeed);
            if (!TryReadCode(line, out var code, out var isLast, out var isClean) || (_code != 0 && code != _code))
                return ReplyStatus.Malformed;

            _code = code;
            _isUnclean |= !isClean;
            _read += line.Length + 1;
            _searched = 0;
            if (_read > ProtocolLimits.Reply || (++_lines >= ProtocolLimits.ReplyLines && !isLast))
                return ReplyStatus.Malformed;

            if (isLast)
            {
                reply = new(code, input.Slice(0, _read), !_isUnclean);
                this = default;
                return ReplyStatus.Complete;
            }
        }
    }

    /// <summary>Writes a reply so that a client sees the lines the MTA meant: line ends as CRLF, a CR or NUL inside the text as a blank.</summary>
    public static void CopyTo(in ReplyFrame reply, IBufferWriter<byte> output)
    {
        if (reply.IsClean)
        {
            foreach (var segment in reply.Octets)
                output.Write(segment.Span);
            return;
        }

        var octets = reply.Octets.ToArray().AsSpan();
        while (!octets.IsEmpty)
        {
            var lineFeed = octets.IndexOf((byte)'\n');
            var line = octets[..lineFeed];
            if (line is [.., (byte)'\r'])
                line = line[..^1];
            line.Replace((byte)'\r', (byte)' ');
            line.Replace((byte)'\0', (byte)' ');
            output.Write(line);
            output.Write(SmtpLines.CrLf);
            octets = octets[(lineFeed + 1)..];
        }
    }

    private static bool TryReadCode(in ReadOnlySequence<byte> line, out int code, out bool isLast, out bool isClean)
    {
        Span<byte> start = stackalloc byte[4];
        var text = Head(line, start);
        isClean = line.Length > 0 && line.Slice(line.Length - 1).FirstSpan[0] == (byte)'\r' && !HasControl(line.Slice(0, line.Length - 1));
        isLast = text.Length < 4 || text[3] is not (byte)'-';
        code = 0;
        if (text.Length < 3 || text[0] is < (byte)'2' or > (byte)'5' || !char.IsAsciiDigit((char)text[1]) || !char.IsAsciiDigit((char)text[2]))
            return false;

        code = ((text[0] - '0') * 100) + ((text[1] - '0') * 10) + (text[2] - '0');
        return text.Length == 3 || text[3] is (byte)' ' or (byte)'-' or (byte)'\r';
    }

    // An endless line is refused as soon as its start can't be a reply, not when its length is.
    private static bool CouldBeCode(in ReadOnlySequence<byte> line, int code)
    {
        Span<byte> start = stackalloc byte[4];
        var text = Head(line, start);
        for (var i = 0; i < text.Length && i < 3; i++)
        {
            if (!char.IsAsciiDigit((char)text[i]) || (i == 0 && text[i] is < (byte)'2' or > (byte)'5'))
                return false;
        }

        if (text.Length >= 3 && code != 0 && ((text[0] - '0') * 100) + ((text[1] - '0') * 10) + (text[2] - '0') != code)
            return false;
        return text.Length < 4 || text[3] is (byte)' ' or (byte)'-' or (byte)'\r';
    }

    private static ReadOnlySpan<byte> Head(in ReadOnlySequence<byte> line, Span<byte> start)
    {
        var head = line.Length > 4 ? line.Slice(0, 4) : line;
        if (head.IsSingleSegment)
            return head.FirstSpan;

        head.CopyTo(start);
        return start[..(int)head.Length];
    }

    private static bool HasControl(in ReadOnlySequence<byte> text)
    {
        foreach (var segment in text)
        {
            if (segment.Span.IndexOfAny((byte)'\r', (byte)'\0') >= 0)
                return true;
        }

        return false;
    }
}
