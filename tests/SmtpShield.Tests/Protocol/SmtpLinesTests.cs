using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class SmtpLinesTests
{
    [TestCase("NOOP⏎", "NOOP", "")]
    [TestCase("NOOP␊", "NOOP", "")]
    [TestCase("RSET␊MAIL FROM:<a@b>⏎", "RSET", "MAIL FROM:<a@b>⏎")]
    [TestCase("NOOP⏎QUIT⏎", "NOOP", "QUIT⏎")]
    [TestCase("⏎QUIT⏎", "", "QUIT⏎")]
    [TestCase("␊", "", "")]
    [TestCase("NOOP␍⏎x", "NOOP", "x")]
    [TestCase("NOOP␍␀⏎x", "NOOP", "x")]
    [TestCase("NOOP␍␀␊x", "NOOP", "x")]
    [TestCase("␍␀⏎x", "", "x")]
    [TestCase(" NOOP ␉⏎", " NOOP ␉", "")]
    [TestCase("NOOP␀⏎", "NOOP␀", "")]
    [TestCase("NO␍OP⏎", "NO␍OP", "")]
    public void TryReadLine_WholeLine_GivesItWithoutItsEnd(string text, string expected, string rest)
    {
        foreach (var input in Octets.EverySplit(Octets.Of(text)))
        {
            var status = SmtpLines.TryReadLine(input, 100, acceptLf: true, out var line, out var consumed);

            Assert.That((status, Octets.Shown(line), Octets.Shown(input.Slice(consumed))), Is.EqualTo((LineStatus.Complete, expected, rest)));
        }
    }

    [TestCase("")]
    [TestCase("NOOP")]
    [TestCase("NOOP␍")]
    [TestCase("NOOP␀")]
    public void TryReadLine_NoLineEnd_NeedsMoreAndTakesNothing(string text)
    {
        foreach (var input in Octets.EverySplit(Octets.Of(text)))
        {
            var status = SmtpLines.TryReadLine(input, 100, acceptLf: true, out _, out var consumed);

            Assert.That((status, input.Slice(consumed).Length), Is.EqualTo((LineStatus.NeedMore, input.Length)));
        }
    }

    [TestCase(9, "⏎", 0)]
    [TestCase(10, "⏎", 0)]
    [TestCase(10, "␊", 0)]
    [TestCase(11, "⏎", 2)]
    [TestCase(11, "␊", 2)]
    [TestCase(1000, "⏎", 2)]
    [TestCase(10, "", 1)]
    [TestCase(11, "", 1)]
    [TestCase(12, "", 2)]
    public void TryReadLine_AroundTheLimit_IsTooLongAboveIt(int length, string end, int expected)
    {
        foreach (var input in Octets.EverySplit(Octets.Of(new string('x', length) + end)))
            Assert.That((int)SmtpLines.TryReadLine(input, 10, acceptLf: true, out _, out _),
                Is.EqualTo(expected switch { 0 => (int)LineStatus.Complete, 1 => (int)LineStatus.NeedMore, _ => (int)LineStatus.TooLong }));
    }

    [TestCase("MAIL FROM:<a>⏎")]
    [TestCase("x␍y␀⏎")]
    [TestCase("xxxxxxxxxxxxxxxxxxxxxxx⏎")]
    public void TryReadLine_OctetByOctet_DecidesOnceAndAsForTheWhole(string text)
    {
        var octets = Octets.Of(text);
        var whole = SmtpLines.TryReadLine(new(octets), 16, acceptLf: true, out _, out _);
        for (var length = 0; length <= octets.Length; length++)
        {
            var status = SmtpLines.TryReadLine(new(octets.AsMemory(0, length)), 16, acceptLf: true, out _, out _);
            Assert.That(status, Is.EqualTo(LineStatus.NeedMore).Or.EqualTo(whole));
        }
    }

    [TestCase("NOOP", false)]
    [TestCase("NOOP ü", false)]
    [TestCase("NO␍OP", true)]
    [TestCase("RCPT TO:<a@b>␀<c@d>", true)]
    public void IsAmbiguous_LoneCrOrNul_Is(string line, bool expected) => Assert.That(SmtpLines.IsAmbiguous(Octets.Of(line)), Is.EqualTo(expected));
}
