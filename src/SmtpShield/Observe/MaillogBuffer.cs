using System.Buffers;

namespace SmtpShield.Observe;

/// <summary>Puts formatted lines into a buffer, so that a batch is one write.</summary>
internal static class MaillogBuffer
{
    /// <summary>Appends the lines, each with its line end.</summary>
    public static void WriteLines(this ArrayBufferWriter<byte> buffer, ReadOnlySpan<MaillogLine> lines, MaillogFormatter formatter)
    {
        foreach (ref readonly var line in lines)
        {
            var span = buffer.GetSpan(MaillogFormatter.MaxLength + 1);
            var length = formatter.Format(line, span);
            span[length] = (byte)'\n';
            buffer.Advance(length + 1);
        }
    }
}
