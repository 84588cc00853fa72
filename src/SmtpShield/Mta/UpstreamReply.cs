using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using SmtpShield.Protocol;

namespace SmtpShield.Mta;

/// <summary>What came of waiting for a reply of the MTA before the client's session begins.</summary>
/// <param name="Status">Whether it is one; <see cref="ReplyStatus.NeedMore"/>: the MTA closed before it was complete.</param>
/// <param name="Text">Its lines, each ended by CR LF and with no other line end or NUL in it (<see cref="ReplyReader.CopyTo"/>); empty when it is none.</param>
/// <param name="Code">The reply code; 0 when it is none.</param>
internal readonly record struct UpstreamReply(ReplyStatus Status, byte[] Text, int Code)
{
    // As much of a reply as a log line has.
    private const int MaxShownLength = 100;

    /// <summary>Reads a reply off a pipe. What is behind it stays there, unread.</summary>
    /// <param name="input">The pipe.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async ValueTask<UpstreamReply> ReadAsync(PipeReader input, CancellationToken cancellationToken)
    {
        var reader = new ReplyReader();
        while (true)
        {
            var result = await input.ReadAsync(cancellationToken);
            var status = reader.TryRead(result.Buffer, out var frame);
            if (status is ReplyStatus.Complete)
            {
                var text = new ArrayBufferWriter<byte>((int)frame.Octets.Length);
                ReplyReader.CopyTo(frame, text);
                input.AdvanceTo(frame.Octets.End);
                return new(status, text.WrittenSpan.ToArray(), frame.Code);
            }

            input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            if (status is ReplyStatus.Malformed || result.IsCompleted)
                return new(status, [], 0);
        }
    }

    /// <summary>The start of the first line, fit for a log line.</summary>
    public string FirstLine
    {
        get
        {
            var line = Text.AsSpan(0, Math.Min(Text.AsSpan().IndexOf("\r\n"u8), MaxShownLength));
            return string.Create(line.Length, line, static (text, line) =>
            {
                Encoding.Latin1.GetChars(line, text);
                foreach (ref var c in text)
                {
                    if (c is < ' ' or > '~')
                        c = '?';
                }
            });
        }
    }
}
