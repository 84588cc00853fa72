using System.Buffers;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class ReplyReaderTests
{
    [TestCase("250-a⏎250-234 b⏎250 c⏎", 250, "", TestName = "REP-1")]
    [TestCase("250 ok⏎550 no⏎", 250, "550 no⏎", TestName = "REP-2")]
    [TestCase("250⏎", 250, "", TestName = "REP-3 no text")]
    [TestCase("250-⏎250 ⏎", 250, "", TestName = "REP-3 empty text")]
    [TestCase("250-⏎250⏎x", 250, "x", TestName = "REP-3 no text in the last line")]
    [TestCase("599 x⏎", 599, "", TestName = "highest code")]
    [TestCase("200 x⏎", 200, "", TestName = "lowest code")]
    public void TryRead_WholeReply_IsRead(string text, int code, string rest)
    {
        foreach (var input in Octets.EverySplit(Octets.Of(text)))
        {
            var status = new ReplyReader().TryRead(input, out var reply);

            Assert.That((status, reply.Code, reply.IsClean, Octets.Shown(input.Slice(reply.Octets.End))), Is.EqualTo((ReplyStatus.Complete, code, true, rest)));
            Assert.That(Copied(reply) + rest, Is.EqualTo(text));
        }
    }

    [TestCase("")]
    [TestCase("2")]
    [TestCase("250")]
    [TestCase("250-a⏎")]
    [TestCase("250-a⏎25")]
    [TestCase("250-a⏎250 ok␍")]
    [TestCase("250␍")]
    public void TryRead_UnfinishedReply_NeedsMore(string text)
    {
        foreach (var input in Octets.EverySplit(Octets.Of(text)))
            Assert.That(new ReplyReader().TryRead(input, out _), Is.EqualTo(ReplyStatus.NeedMore));
    }

    [TestCase("250-a⏎550 b⏎")]
    [TestCase("250-a⏎x⏎")]
    [TestCase("250-a⏎⏎")]
    [TestCase("25 ok⏎")]
    [TestCase("25⏎")]
    [TestCase("2500 ok⏎")]
    [TestCase("4.7.0 x⏎")]
    [TestCase("600 x⏎")]
    [TestCase("199 x⏎")]
    [TestCase("⏎")]
    [TestCase("␊")]
    [TestCase(" 250 ok⏎")]
    [TestCase("250␉ok⏎")]
    [TestCase("250␀ok⏎")]
    [TestCase("\u0080\u0001\u00ff⏎")]
    [TestCase("SSH-2.0-x⏎")]
    public void TryRead_NoReply_IsMalformed(string text)
    {
        foreach (var input in Octets.EverySplit(Octets.Of(text)))
            Assert.That(new ReplyReader().TryRead(input, out _), Is.EqualTo(ReplyStatus.Malformed));
    }

    [TestCase("6")]
    [TestCase("2x")]
    [TestCase("25\u0001")]
    [TestCase("2500")]
    [TestCase("250-a⏎550")]
    public void TryRead_StartThatIsNoReply_IsMalformedBeforeTheLineEnds(string text)
    {
        foreach (var input in Octets.EverySplit(Octets.Of(text)))
            Assert.That(new ReplyReader().TryRead(input, out _), Is.EqualTo(ReplyStatus.Malformed));
    }

    [TestCase("250-a⏎250-234 b⏎250 c⏎")]
    [TestCase("550 <a␍250 ok>⏎")]
    [TestCase("250-a␊250 b␊")]
    [TestCase("250-a⏎550 b⏎")]
    [TestCase("2500 ok⏎")]
    public void TryRead_OctetByOctet_DecidesAsForTheWhole(string text)
    {
        var octets = Octets.Of(text);
        var whole = new ReplyReader().TryRead(new(octets), out _);
        for (var length = 0; length < octets.Length; length++)
        {
            var status = new ReplyReader().TryRead(new(octets.AsMemory(0, length)), out _);
            Assert.That(status, Is.EqualTo(ReplyStatus.NeedMore).Or.EqualTo(whole == ReplyStatus.Malformed ? whole : ReplyStatus.NeedMore));
        }
    }

    [TestCase("250 ok␊", "250 ok⏎")]
    [TestCase("250␊", "250⏎")]
    [TestCase("250-a␊250-b⏎250 c␊", "250-a⏎250-b⏎250 c⏎")]
    [TestCase("550 <a␍250 ok>⏎", "550 <a 250 ok>⏎")]
    [TestCase("550 a␀b⏎", "550 a b⏎")]
    [TestCase("550 a␍⏎", "550 a ⏎")]
    [TestCase("550␍250 ok⏎", "550 250 ok⏎")]
    public void CopyTo_LineEndsOrTextThatAClientCouldMisread_AreMadeSafe(string text, string expected)
    {
        foreach (var input in Octets.EverySplit(Octets.Of(text)))
        {
            Assert.That(new ReplyReader().TryRead(input, out var reply), Is.EqualTo(ReplyStatus.Complete));
            Assert.That((reply.IsClean, Copied(reply)), Is.EqualTo((false, expected)));
        }
    }

    [TestCase(4095, "Complete")]
    [TestCase(4096, "Complete")]
    [TestCase(4097, "Malformed")]
    public void TryRead_LineAroundTheLimit_IsMalformedAboveIt(int length, string status) =>
        Assert.That(new ReplyReader().TryRead(new(Octets.Of("250 " + new string('x', length - 6) + "⏎")), out _).ToString(), Is.EqualTo(status));

    [TestCase(4095, "NeedMore")]
    [TestCase(4096, "Malformed")]
    [TestCase(1 << 20, "Malformed")]
    public void TryRead_EndlessLine_IsMalformedAtTheLimit(int length, string status) =>
        Assert.That(new ReplyReader().TryRead(new(Octets.Of("250 " + new string('x', length - 4))), out _).ToString(), Is.EqualTo(status));

    [TestCase(499, "Complete")]
    [TestCase(500, "Complete")]
    [TestCase(501, "Malformed")]
    [TestCase(10_000, "Malformed")]
    public void TryRead_LinesAroundTheLimit_IsMalformedAboveIt(int lines, string status) =>
        Assert.That(new ReplyReader().TryRead(new(Octets.Of(string.Concat(Enumerable.Repeat("250-⏎", lines - 1)) + "250 ⏎")), out _)
            .ToString(), Is.EqualTo(status));

    [TestCase(499, "NeedMore")]
    [TestCase(500, "Malformed")]
    public void TryRead_LinesWithoutALast_IsMalformedAtTheLimit(int lines, string status) =>
        Assert.That(new ReplyReader().TryRead(new(Octets.Of(string.Concat(Enumerable.Repeat("250-⏎", lines)))), out _).ToString(), Is.EqualTo(status));

    [TestCase(0, "Complete")]
    [TestCase(1, "Malformed")]
    public void TryRead_LengthAroundTheLimit_IsMalformedAboveIt(int above, string status)
    {
        var line = "250-" + new string('x', 1018) + "⏎";
        var text = string.Concat(Enumerable.Repeat(line, 63)) + "250 " + new string('x', 1018 + above) + "⏎";

        Assert.That(text.Length + 64, Is.EqualTo(ProtocolLimits.Reply + above));
        Assert.That(new ReplyReader().TryRead(new(Octets.Of(text)), out _).ToString(), Is.EqualTo(status));
        Assert.That(new ReplyReader().TryRead(new(Octets.Of(text).AsMemory(0, ProtocolLimits.Reply - 1)), out _), Is.EqualTo(ReplyStatus.NeedMore));
    }

    private static string Copied(in ReplyFrame reply)
    {
        var output = new ArrayBufferWriter<byte>();
        ReplyReader.CopyTo(reply, output);
        return Octets.Shown(output.WrittenSpan);
    }
}
