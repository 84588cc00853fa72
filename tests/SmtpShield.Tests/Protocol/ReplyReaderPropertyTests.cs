using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public partial class ReplyReaderPropertyTests
{
    private static readonly string[] _parts =
    [
        "250-", "250-", "250 ", "250 ", "550 ", "250", "2", "5", "0", "6", "-", " ", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\0", "a",
    ];

    [Test]
    public void TryRead_AnyOctetsInAnySegments_IsAsByTheSlowReference() => AnyOctets.Check(_parts, static any =>
    {
        var status = new ReplyReader().TryRead(any.Sequence, out var reply);
        return (status, status is ReplyStatus.Complete ? reply.Code : 0, status is ReplyStatus.Complete ? (int)reply.Octets.Length : 0) == Slow(any.Text);
    }, longest: 12);

    [Test]
    public void TryRead_AnyOctetsAsTheyArrive_DecidesOnceAndAsForTheWhole() => AnyOctets.Check(_parts, static any =>
    {
        var whole = Slow(any.Text).Status;
        var isDecided = false;
        for (var length = 0; length <= any.Text.Length; length++)
        {
            var status = new ReplyReader().TryRead(new(any.Octets.AsMemory(0, length)), out _);
            if (status is ReplyStatus.NeedMore ? isDecided : status != whole)
                return false;
            isDecided = status is not ReplyStatus.NeedMore;
        }

        return true;
    }, longest: 12);

    [Test]
    public void TryRead_OneReaderAsOctetsArrive_DecidesAsForTheWhole() => AnyOctets.Check(_parts, static any =>
    {
        var reader = new ReplyReader();
        var whole = new ReplyReader().TryRead(any.Sequence, out var expected);
        for (var length = 0; length <= any.Text.Length; length++)
        {
            var status = reader.TryRead(new(any.Octets.AsMemory(0, length)), out var reply);
            if (status is not ReplyStatus.NeedMore)
                return status == whole && (reply.Code, reply.IsClean, reply.Octets.Length) == (expected.Code, expected.IsClean, expected.Octets.Length);
        }

        return whole is ReplyStatus.NeedMore;
    }, longest: 12);

    [Test]
    public void CopyTo_AnyReply_IsOneReplyForEveryParser() => AnyOctets.Check(_parts, static any =>
    {
        if (new ReplyReader().TryRead(any.Sequence, out var reply) is not ReplyStatus.Complete)
            return true;

        var output = new ArrayBufferWriter<byte>();
        ReplyReader.CopyTo(reply, output);
        var copy = Encoding.Latin1.GetString(output.WrittenSpan);
        var lines = copy.Split("\r\n");
        return copy.EndsWith("\r\n", StringComparison.Ordinal) && lines[..^1].All(static line => line.AsSpan().IndexOfAny('\r', '\n', '\0') < 0)
            && lines[..^2].All(static line => line[3] == '-') && (lines[^2].Length == 3 || lines[^2][3] == ' ')
            && new ReplyReader().TryRead(new(output.WrittenMemory), out var again) is ReplyStatus.Complete
            && (again.Code, again.IsClean, again.Octets.Length) == (reply.Code, true, copy.Length);
    }, longest: 12);

    // Line by line; what has no line end yet must be able to become a line.
    private static (ReplyStatus Status, int Code, int Length) Slow(string text)
    {
        var code = "";
        for (var at = 0; ; )
        {
            var end = text.IndexOf('\n', at);
            var line = end < 0 ? text[at..] : text[at..(end + 1)];
            var pattern = end < 0 ? LineSoFar : Line;
            if (!pattern.IsMatch(line) || !(line.StartsWith(code, StringComparison.Ordinal) || (end < 0 && line.Length < 3)))
                return (ReplyStatus.Malformed, 0, 0);
            if (end < 0)
                return (ReplyStatus.NeedMore, 0, 0);
            code = line[..3];
            at = end + 1;
            if (line[3] != '-')
                return (ReplyStatus.Complete, int.Parse(code, System.Globalization.CultureInfo.InvariantCulture), at);
        }
    }

    [GeneratedRegex(@"^[2-5][0-9][0-9]([ \-\r][^\n]*)?\n$")]
    private static partial Regex Line { get; }

    [GeneratedRegex(@"^([2-5]([0-9]([0-9]([ \-\r][^\n]*)?)?)?)?\z")]
    private static partial Regex LineSoFar { get; }
}
