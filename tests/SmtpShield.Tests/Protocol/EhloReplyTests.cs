using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class EhloReplyTests
{
    [TestCase("250-h⏎250-SIZE 100⏎250 XCLIENT NAME ADDR⏎", "250-h⏎250 SIZE 100⏎", "XCLIENT", TestName = "EHLO-1 last line removed")]
    [TestCase("250-h⏎250-SIZE⏎250-XCLIENT⏎250 XFORWARD⏎", "250-h⏎250 SIZE⏎", "XCLIENT,XFORWARD", TestName = "EHLO-1 last two lines removed")]
    [TestCase("250-h⏎250-XCLIENT⏎250-SIZE⏎250 XFORWARD⏎", "250-h⏎250 SIZE⏎", "XCLIENT,XFORWARD", TestName = "EHLO-1 around a kept line")]
    [TestCase("250-h⏎250-XCLIENT⏎250 SIZE⏎", "250-h⏎250 SIZE⏎", "XCLIENT", TestName = "middle line removed")]
    [TestCase("250-h⏎250 XEXCH50⏎", "250 h⏎", "XEXCH50", TestName = "EHLO-2")]
    [TestCase("250-h⏎250-A⏎250-B⏎250 C⏎", "250 h⏎", "A,B,C", TestName = "EHLO-2 many")]
    [TestCase("250-⏎250 XEXCH50⏎", "250 ⏎", "XEXCH50", TestName = "EHLO-2 no greeting text")]
    [TestCase("250-h⏎250-xclient A⏎250-size 5⏎250 XcLiEnT⏎", "250-h⏎250 size 5⏎", "xclient,XcLiEnT", TestName = "EHLO-6 case and repeats")]
    [TestCase("250-h⏎250-SIZE␉5⏎250 XCLIENT␉ADDR⏎", "250-h⏎250 SIZE␉5⏎", "XCLIENT", TestName = "EHLO-6 tabs")]
    [TestCase("250-XCLIENT⏎250 SIZE⏎", "250-XCLIENT⏎250 SIZE⏎", "", TestName = "first line is never touched")]
    [TestCase("250 h⏎", "250 h⏎", "", TestName = "one line")]
    [TestCase("250-h⏎250-SIZE⏎250 ⏎", "250-h⏎250 SIZE⏎", "", TestName = "an empty line has no name to report")]
    [TestCase("250-h⏎250-AUTH=LOGIN⏎250-AUTH LOGIN⏎250-8BITMIME⏎250 DSN⏎", "250-h⏎250-AUTH=LOGIN⏎250-AUTH LOGIN⏎250-8BITMIME⏎250 DSN⏎", "", TestName = "all followed")]
    [TestCase("250-h⏎250-X-PASSED⏎250 X-ANONYMOUSTLS⏎", "250-h⏎250 X-PASSED⏎", "X-ANONYMOUSTLS", TestName = "passed by configuration")]
    public void Filter_Reply_LosesWhatTheShieldCannotFollow(string text, string expected, string removedKeywords)
    {
        EhloReply.Filter(Octets.Of(text), new(["x-passed"], [], PassesChunking: true, 1000), out var filtered, out var removed);

        Assert.That((Octets.Shown(filtered.Span), string.Join(',', removed)), Is.EqualTo((expected, removedKeywords)));
    }

    [Test]
    public void Filter_EveryFilteredReply_IsStillAReply()
    {
        for (var kept = 0; kept < 256; kept++)
        {
            var lines = Enumerable.Range(0, 8).Select(i => (kept & (1 << i)) != 0 ? "PIPELINING" : "XCLIENT").Prepend("host").ToArray();
            EhloReply.Filter(Octets.Of(string.Concat(lines.Select((line, i) => $"250{(i < 8 ? '-' : ' ')}{line}⏎"))), new([], [], PassesChunking: true, 1000), out var filtered, out var removed);

            Assert.That(ReplyReader.TryRead(new(filtered), out var reply), Is.EqualTo(ReplyStatus.Complete));
            Assert.That((reply.Octets.Length, removed.Count), Is.EqualTo((filtered.Length, 8 - int.PopCount(kept))));
        }
    }

    [Test]
    public void Filter_NothingToRemove_GivesTheReplyItself()
    {
        ReadOnlyMemory<byte> octets = Octets.Of("250-h⏎250 SIZE⏎");
        EhloReply.Filter(octets, new([], [], PassesChunking: true, 1000), out var filtered, out _);

        Assert.That(filtered, Is.EqualTo(octets));
    }

    [TestCase(200, 1, 200)]
    [TestCase(40, 1000, 40)]
    public void Filter_ManyKeywordsOrLongParameters_AreFilteredTheSameWay(int keywords, int length, int kept)
    {
        var text = "250-h⏎" + string.Concat(Enumerable.Repeat($"250-SIZE {new string('1', length)}⏎250-{new string('X', length)} y⏎", keywords)) + "250 XCLIENT⏎";
        EhloReply.Filter(Octets.Of(text), new([], [], PassesChunking: true, 1000), out var filtered, out var removed);

        Assert.That((filtered.Span.Count((byte)'\n'), removed.Count), Is.EqualTo((kept + 1, keywords + 1)));
        Assert.That(filtered.Span[(filtered.Span[..^1].LastIndexOf((byte)'\n') + 1)..].StartsWith("250 SIZE"u8), Is.True);
    }
}
