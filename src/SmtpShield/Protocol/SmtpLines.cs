using System.Buffers;

namespace SmtpShield.Protocol;

/// <summary>Where a command line ends: the one definition of it.</summary>
internal static class SmtpLines
{
    /// <summary>The end of every line the shield sends.</summary>
    public static ReadOnlySpan<byte> CrLf => "\r\n"u8;

    /// <summary>Reads one command line. It ends in CRLF or, as Postfix has it, in a lone LF (old devices, checks typed into nc).</summary>
    /// <param name="input">What has been received.</param>
    /// <param name="maxLength">Octets the line may have without its end (RFC 5321 section 4.5.3.1.4, Postfix <c>line_length_limit</c>).</param>
    /// <param name="acceptLf">Whether a lone LF ends a line (<c>shield_accept_lf_commands</c>); else it is an octet of the line,
    /// and makes it ambiguous.</param>
    /// <param name="line">The line without its end, when complete.</param>
    /// <param name="consumed">Where the next line starts, when complete.</param>
    public static LineStatus TryReadLine(
        in ReadOnlySequence<byte> input, int maxLength, bool acceptLf, out ReadOnlySequence<byte> line, out SequencePosition consumed)
    {
        line = default;
        consumed = input.Start;

        // One octet more than the longest line with its CRLF decides "too long" without looking at all that has arrived.
        var window = input.Length > maxLength + 2 ? input.Slice(0, maxLength + 2) : input;
        if (FindEnd(window, acceptLf) is not { } lineFeed)
            return window.Length < maxLength + 2 ? LineStatus.NeedMore : LineStatus.TooLong;

        line = WithoutCarriageReturn(input.Slice(0, lineFeed));
        consumed = input.GetPosition(1, lineFeed);
        return line.Length <= maxLength ? LineStatus.Complete : LineStatus.TooLong;
    }

    /// <summary>Finds the LF that ends the first line.</summary>
    /// <param name="input">What has been received.</param>
    /// <param name="acceptLf">Whether it may stand alone.</param>
    public static SequencePosition? FindEnd(in ReadOnlySequence<byte> input, bool acceptLf)
    {
        if (acceptLf)
            return input.PositionOf((byte)'\n');

        var reader = new SequenceReader<byte>(input);
        return reader.TryReadTo(out ReadOnlySequence<byte> line, CrLf, advancePastDelimiter: false) ? input.GetPosition(line.Length + 1) : null;
    }

    /// <summary>Whether a line has an octet that parsers read differently: a lone CR or LF, or a NUL (RFC 5321 section 2.3.8).</summary>
    public static bool IsAmbiguous(ReadOnlySpan<byte> line) => line.IndexOfAny((byte)'\r', (byte)'\n', (byte)'\0') >= 0;

    /// <summary>Whether the line that was read ended in an LF without a CR.</summary>
    /// <param name="input">What the line was read from.</param>
    /// <param name="consumed">Where the next line starts.</param>
    public static bool EndsInBareLf(in ReadOnlySequence<byte> input, SequencePosition consumed)
    {
        var length = input.Slice(0, consumed).Length;
        return length < 2 || OctetAt(input, length - 2) != (byte)'\r';
    }

    // CR LF or LF, and what telnet makes of a CR typed or piped before it: CR NUL (RFC 854). At the end of a line nobody reads a second line into that.
    private static ReadOnlySequence<byte> WithoutCarriageReturn(ReadOnlySequence<byte> line)
    {
        while (!line.IsEmpty)
        {
            var last = OctetAt(line, line.Length - 1);
            if (last == (byte)'\r')
                line = line.Slice(0, line.Length - 1);
            else if (last == 0 && line.Length > 1 && OctetAt(line, line.Length - 2) == (byte)'\r')
                line = line.Slice(0, line.Length - 2);
            else
                break;
        }

        return line;
    }

    private static byte OctetAt(in ReadOnlySequence<byte> line, long index) => line.Slice(index, 1).FirstSpan[0];
}
