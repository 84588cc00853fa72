using System.Buffers;

namespace SmtpShield.Protocol;

/// <summary>Reads the MTA's replies: lines <c>ddd-text</c> and a last <c>ddd text</c> or <c>ddd</c>, all with one code (RFC 5321 section 4.2.1).</summary>
internal static class ReplyReader
{
    /// <summary>Reads one whole reply; text is opaque, the fourth octet decides whether a line is the last.</summary>
    /// <param name="input">What has been received.</param>
    /// <param name="reply">The reply, when complete.</param>
    public static ReplyStatus TryRead(in ReadOnlySequence<byte> input, out ReplyFrame reply)
    {
        reply = default;
        var rest = input;
        var code = 0;
        var clean = true;
        for (var lines = 1; ; lines++)
        {
            var window = rest.Length > ProtocolLimits.ReplyLine ? rest.Slice(0, ProtocolLimits.ReplyLine) : rest;
            if (window.PositionOf((byte)'\n') is not { } lineFeed)
            {
                var isReplySoFar = CouldBeCode(window, code) && window.Length < ProtocolLimits.ReplyLine && input.Length < ProtocolLimits.Reply;
                return isReplySoFar ? ReplyStatus.NeedMore : ReplyStatus.Malformed;
            }

            var line = rest.Slice(0, lineFeed);
            if (!TryReadCode(line, out var lineCode, out var isLast, out var lineIsClean) || (code != 0 && lineCode != code))
                return ReplyStatus.Malformed;

            code = lineCode;
            clean &= lineIsClean;
            rest = rest.Slice(rest.GetPosition(1, lineFeed));
            var length = input.Length - rest.Length;
            if (length > ProtocolLimits.Reply || (lines >= ProtocolLimits.ReplyLines && !isLast))
                return ReplyStatus.Malformed;

            if (isLast)
            {
                reply = new(code, input.Slice(0, length), clean);
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
