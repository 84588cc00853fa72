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
    [TestCase("250-h⏎250-AUTH=LOGIN⏎250-AUTH LOGIN⏎250-8BITMIME⏎250 DSN⏎", "250-h⏎250-AUTH=LOGIN⏎250-AUTH LOGIN⏎250-8BITMIME⏎250 DSN⏎", "",
        TestName = "all followed")]
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
            EhloReply.Filter(Octets.Of(string.Concat(lines.Select((line, i) => $"250{(i < 8 ? '-' : ' ')}{line}⏎"))), new([], [], PassesChunking: true, 1000),
                out var filtered, out var removed);

            Assert.That(new ReplyReader().TryRead(new(filtered), out var reply), Is.EqualTo(ReplyStatus.Complete));
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
        var text = "250-h⏎"
            + string.Concat(Enumerable.Repeat($"250-SIZE {new string('1', length)}⏎250-{new string('X', length)} y⏎", keywords)) + "250 XCLIENT⏎";
        EhloReply.Filter(Octets.Of(text), new([], [], PassesChunking: true, 1000), out var filtered, out var removed);

        Assert.That((filtered.Span.Count((byte)'\n'), removed.Count), Is.EqualTo((kept + 1, keywords + 1)));
        Assert.That(filtered.Span[(filtered.Span[..^1].LastIndexOf((byte)'\n') + 1)..].StartsWith("250 SIZE"u8), Is.True);
    }

    [TestCase("250-h⏎250-PIPELINING⏎250-SIZE 5⏎250-VRFY⏎250-ETRN⏎250-8BITMIME⏎250 DSN⏎",
        "250-h⏎250-PIPELINING⏎250-SIZE 5⏎250-VRFY⏎250-ETRN⏎250-STARTTLS⏎250-8BITMIME⏎250 DSN⏎", TestName = "STARTTLS where Postfix has it")]
    [TestCase("250-h⏎250-SIZE 5⏎250 PIPELINING⏎", "250-h⏎250-SIZE 5⏎250-PIPELINING⏎250 STARTTLS⏎", TestName = "STARTTLS last")]
    [TestCase("250 h⏎", "250-h⏎250 STARTTLS⏎", TestName = "STARTTLS alone")]
    [TestCase("250⏎", "250-⏎250 STARTTLS⏎", TestName = "STARTTLS behind a code alone")]
    [TestCase("250-h⏎250-STARTTLS⏎250 DSN⏎", "250-h⏎250-STARTTLS⏎250 DSN⏎", TestName = "the MTA's STARTTLS replaced")]
    [TestCase("250-h⏎250-DSN⏎250 STARTTLS⏎", "250-h⏎250-STARTTLS⏎250 DSN⏎", TestName = "the MTA's STARTTLS replaced at its place")]
    [TestCase("250-h⏎250 XCLIENT NAME⏎", "250-h⏎250 STARTTLS⏎", TestName = "STARTTLS where nothing else is left")]
    public void Filter_TlsOfTheShield_OffersStartTlsOnce(string text, string expected) =>
        Assert.That(Filtered(text, NoFilter with { PassesStartTls = false, OffersStartTls = true }), Is.EqualTo(expected));

    [TestCase("250-h⏎250-STARTTLS⏎250 DSN⏎", "250-h⏎250 DSN⏎")]
    [TestCase("250-h⏎250 starttls⏎", "250 h⏎")]
    public void Filter_NoTls_HidesTheMtasStartTls(string text, string expected) =>
        Assert.That(Filtered(text, NoFilter with { PassesStartTls = false }), Is.EqualTo(expected));

    [TestCase("250-h⏎250-AUTH PLAIN⏎250-AUTH=PLAIN⏎250 DSN⏎", "250-h⏎250 DSN⏎")]
    [TestCase("250-h⏎250 AUTH⏎", "250 h⏎")]
    public void Filter_AuthHidden_HidesBothForms(string text, string expected) =>
        Assert.That(Filtered(text, NoFilter with { PassesAuth = false }), Is.EqualTo(expected));

    [TestCase("250-AUTH PLAIN GSSAPI LOGIN⏎", "250-AUTH PLAIN LOGIN⏎")]
    [TestCase("250-AUTH=digest-md5 PLAIN⏎", "250-AUTH=PLAIN⏎")]
    [TestCase("250-AUTH␉GSSAPI␉PLAIN⏎", "250-AUTH␉PLAIN⏎")]
    [TestCase("250-AUTH GSSAPI KERBEROS_V4 GS2-KRB5⏎", "")]
    [TestCase("250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 EXTERNAL⏎", "250-AUTH SCRAM-SHA-256⏎")]
    [TestCase("250-AUTH⏎", "250-AUTH⏎")]
    [TestCase("250-AUTH PLAIN⏎", "250-AUTH PLAIN⏎")]
    public void Filter_TerminatedTls_LeavesOutMechanismsThatCannotWork(string line, string expected) =>
        Assert.That(Filtered($"250-h⏎{line}250 DSN⏎", NoFilter with { Mechanisms = PassedMechanisms.ReadableAndUnbound }),
            Is.EqualTo($"250-h⏎{expected}250 DSN⏎"));

    [TestCase(PassedMechanisms.All, "GSSAPI SCRAM-SHA-1-PLUS EXTERNAL PLAIN")]
    [TestCase(PassedMechanisms.Readable, "SCRAM-SHA-1-PLUS EXTERNAL PLAIN")]
    [TestCase(PassedMechanisms.ReadableAndUnbound, "PLAIN")]
    public void Filter_Mechanisms_AreByWhoHasTls(object passed, string expected) =>
        Assert.That(Filtered("250-h⏎250 AUTH GSSAPI SCRAM-SHA-1-PLUS EXTERNAL PLAIN⏎", NoFilter with { Mechanisms = (PassedMechanisms)passed }),
            Is.EqualTo($"250-h⏎250 AUTH {expected}⏎"));

    private static EhloFilter NoFilter => new([], [], PassesChunking: true, 1000);

    private static string Filtered(string text, EhloFilter filter)
    {
        EhloReply.Filter(Octets.Of(text), filter, out var filtered, out _);
        return Octets.Shown(filtered.Span);
    }
}
