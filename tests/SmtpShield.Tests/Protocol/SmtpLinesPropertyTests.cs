using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class SmtpLinesPropertyTests
{
    private const int Longest = 12;

    private static readonly string[] _parts = ["\r\n", "\r\n", "\n", "\r", "\0", "a", "b", " ", "xxxxxxx"];

    [TestCase(true)]
    [TestCase(false)]
    public void TryReadLine_AnyOctetsInAnySegments_IsAsByTheSlowReference(bool acceptLf) => AnyOctets.Check(_parts, any =>
    {
        var status = SmtpLines.TryReadLine(any.Sequence, Longest, acceptLf, out var line, out var consumed);
        var rest = status is LineStatus.Complete ? (int)any.Sequence.Slice(consumed).Length : -1;
        return (status, status is LineStatus.Complete ? Octets.Shown(line) : "", rest) == SlowLine(any.Text, acceptLf);
    });

    [TestCase(true)]
    [TestCase(false)]
    public void TryReadLine_AnyOctetsAsTheyArrive_DecidesOnceAndAsForTheWhole(bool acceptLf) => AnyOctets.Check(_parts, any =>
    {
        var whole = SlowLine(any.Text, acceptLf);
        var isDecided = false;
        for (var length = 0; length <= any.Text.Length; length++)
        {
            var status = SmtpLines.TryReadLine(new(any.Octets.AsMemory(0, length)), Longest, acceptLf, out _, out _);
            if (status is LineStatus.NeedMore ? isDecided : status != whole.Status)
                return false;
            isDecided = status is not LineStatus.NeedMore;
        }

        return true;
    });

    [TestCase(true, "\n")]
    [TestCase(true, "\r\n\0")]
    [TestCase(false, "\n")]
    [TestCase(false, "\r\n\0")]
    public void TryReadLine_LinesNotRefused_EndNowhereElseForASloppyMta(bool acceptLf, string lineEnds) => AnyOctets.Check(_parts, any =>
    {
        var input = any.Sequence;
        var forwarded = new List<string>();
        while (SmtpLines.TryReadLine(input, Longest, acceptLf, out var line, out var consumed) is LineStatus.Complete)
        {
            var octets = System.Buffers.BuffersExtensions.ToArray(line);
            if (!SmtpLines.IsAmbiguous(octets))
                forwarded.Add(System.Text.Encoding.Latin1.GetString(octets));
            input = input.Slice(consumed);
        }

        var received = string.Concat(forwarded.Select(static line => line + "\r\n"));
        var strict = received.Split("\r\n")[..^1];
        var sloppy = received.Replace("\r\n", "\n", StringComparison.Ordinal).Split(lineEnds.ToCharArray())[..^1];
        return strict.SequenceEqual(forwarded) && sloppy.SequenceEqual(forwarded);
    });

    private static (LineStatus Status, string Line, int Left) SlowLine(string text, bool acceptLf)
    {
        var end = -1;
        for (var i = 0; i < text.Length && end < 0; i++)
        {
            if (text[i] == '\n' && (acceptLf || (i > 0 && text[i - 1] == '\r')))
                end = i;
        }

        // A line end may be two octets, and an octet more says that there is none in time.
        if (end < 0 || end > Longest + 1)
            return (text.Length < Longest + 2 ? LineStatus.NeedMore : LineStatus.TooLong, "", -1);

        var line = text[..end];
        while (line.EndsWith('\r') || line.EndsWith("\r\0", StringComparison.Ordinal))
            line = line[..(line.LastIndexOf('\r'))];
        return line.Length > Longest
            ? (LineStatus.TooLong, "", -1)
            : (LineStatus.Complete, Octets.Shown(System.Text.Encoding.Latin1.GetBytes(line)), text.Length - end - 1);
    }
}
