using System.Buffers;
using System.IO.Pipelines;

namespace SmtpShield.Upstream;

/// <summary>
/// Reads the MTA's greeting: one complete reply, <c>ddd-text</c> lines and a last <c>ddd text</c> or <c>ddd</c>, all with the same code from 200 to 599
/// (RFC 5321 section 4.2). Lines may end in CR LF or LF and leave here with CR LF; a CR or NUL elsewhere becomes a blank, so that no client sees a line end in it.
/// </summary>
/// <remarks>Lines are taken out of the pipe one by one, so a reply that arrives byte by byte is not scanned from its start each time.</remarks>
internal struct GreetingReader()
{
    /// <summary>Longest line, its line end included, in bytes.</summary>
    public const int MaxLineLength = 4096;

    /// <summary>Longest reply as passed on, in bytes.</summary>
    public const int MaxLength = 64 * 1024;

    /// <summary>Most lines of a reply.</summary>
    public const int MaxLines = 500;

    private int _lines;

    /// <summary>The lines read so far, each ended by CR LF.</summary>
    public byte[] Text { get; private set; } = [];

    /// <summary>The reply code; 0 before the first line.</summary>
    public int Code { get; private set; }

    /// <summary>Reads the greeting off a pipe. What is behind it stays there, unread.</summary>
    /// <param name="input">The pipe.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns><see cref="GreetingStatus.NeedMore"/>: the MTA closed before the greeting was complete.</returns>
    public static async ValueTask<(GreetingStatus Status, byte[] Text, int Code)> ReadAsync(PipeReader input, CancellationToken cancellationToken)
    {
        var greeting = new GreetingReader();
        while (true)
        {
            var result = await input.ReadAsync(cancellationToken);
            var status = greeting.Read(result.Buffer, out var consumed);
            input.AdvanceTo(consumed, status is GreetingStatus.NeedMore ? result.Buffer.End : consumed);
            if (status is not GreetingStatus.NeedMore || result.IsCompleted)
                return (status, greeting.Text, greeting.Code);
        }
    }

    /// <summary>Takes the complete lines at the start of <paramref name="buffer"/>, up to the reply's last one.</summary>
    /// <param name="buffer">What has arrived and was not consumed before.</param>
    /// <param name="consumed">The end of the lines taken.</param>
    public GreetingStatus Read(ReadOnlySequence<byte> buffer, out SequencePosition consumed)
    {
        var reader = new SequenceReader<byte>(buffer);
        consumed = reader.Position;
        while (reader.TryReadTo(out ReadOnlySequence<byte> line, (byte)'\n'))
        {
            if (line.Length >= MaxLineLength || ++_lines > MaxLines || !TryAppend(line, out var last))
                return GreetingStatus.Malformed;
            consumed = reader.Position;
            if (last)
                return GreetingStatus.Complete;
        }

        return reader.Remaining >= MaxLineLength ? GreetingStatus.Malformed : GreetingStatus.NeedMore;
    }

    private bool TryAppend(ReadOnlySequence<byte> line, out bool last)
    {
        var start = Text.Length;
        var text = new byte[start + (int)line.Length + 2];
        Text.CopyTo(text, 0);
        line.CopyTo(text.AsSpan(start));
        var end = start + (int)line.Length;
        if (end > start && text[end - 1] == '\r')
            end--;

        var content = text.AsSpan(start, end - start);
        last = content.Length == 3 || (content.Length > 3 && content[3] == ' ');
        if (!TryReadCode(content, out var code) || (Code != 0 && code != Code) || !(last || content[3] == '-') || end + 2 > MaxLength)
            return false;

        content.Replace((byte)'\r', (byte)' ');
        content.Replace((byte)'\0', (byte)' ');
        "\r\n"u8.CopyTo(text.AsSpan(end));
        Array.Resize(ref text, end + 2);
        Text = text;
        Code = code;
        return true;
    }

    private static bool TryReadCode(ReadOnlySpan<byte> line, out int code)
    {
        code = 0;
        if (line.Length < 3 || line[0] is < (byte)'2' or > (byte)'5' || !char.IsAsciiDigit((char)line[1]) || !char.IsAsciiDigit((char)line[2]))
            return false;
        code = ((line[0] - '0') * 100) + ((line[1] - '0') * 10) + (line[2] - '0');
        return true;
    }
}
