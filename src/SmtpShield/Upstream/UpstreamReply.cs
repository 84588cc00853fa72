using System.Text;

namespace SmtpShield.Upstream;

/// <summary>What came of waiting for a reply of the MTA before the client's session begins.</summary>
/// <param name="Status">Whether it is one; <see cref="GreetingStatus.NeedMore"/>: the MTA closed before it was complete.</param>
/// <param name="Text">The lines read, each ended by CR LF.</param>
/// <param name="Code">The reply code; 0 before the first line.</param>
internal readonly record struct UpstreamReply(GreetingStatus Status, byte[] Text, int Code)
{
    // As much of a reply as a log line has.
    private const int MaxShownLength = 100;

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
