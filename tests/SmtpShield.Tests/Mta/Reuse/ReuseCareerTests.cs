using System.Text;
using SmtpShield.Mta.Reuse;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Mta.Reuse;

/// <summary>Whether a session may go on with another client, by what was said in it.</summary>
internal sealed class ReuseCareerTests
{
    private static readonly (string What, Action<ReuseCareer> Tell)[] s_tainting =
    [
        ("nothing", static _ => { }),
        ("MAIL only", static career => career.NoteReply(Verb.Mail, 250, isOfMessage: false)),
        ("DATA without a message", static career => career.NoteReply(Verb.Data, 354, isOfMessage: false)),
        ("a reply before the message was whole", static career => Message(career, "text\r\n.\r\n", isWhole: false)),
        ("a refused message", static career => Message(career, "text\r\n.\r\n", code: 554)),
        ("a message for later", static career => Message(career, "text\r\n.\r\n", code: 451)),
        ("a lone LF", static career => Message(career, "te\nxt\r\n.\r\n")),
        ("a lone CR", static career => Message(career, "te\rxt\r\n.\r\n")),
        ("a NUL", static career => Message(career, "te\0xt\r\n.\r\n")),
        .. Before(Verb.Mail, 451), .. Before(Verb.Rcpt, 550), .. Before(Verb.Rcpt, 450), .. Before(Verb.Rcpt, 421), .. Before(Verb.Rset, 503),
        .. Before(Verb.Noop, 500), .. Before(Verb.Data, 503), .. Before(Verb.Ehlo, 250), .. Before(Verb.Helo, 250), .. Before(Verb.Auth, 334),
        .. Before(Verb.Auth, 235), .. Before(Verb.Vrfy, 252), .. Before(Verb.Etrn, 250), .. Before(Verb.Help, 214), .. Before(Verb.Unknown, 250),
        .. Before(Verb.Bdat, 250), .. Before(Verb.StartTls, 220), .. Before(Verb.Mail, 354), .. Before(Verb.Rcpt, 334),
        .. Behind(Verb.Noop, 250), .. Behind(Verb.Rset, 250), .. Behind(Verb.Mail, 250), .. Behind(Verb.Ehlo, 250), .. Behind(Verb.Quit, 221),
    ];

    [Test, Property("Pool", "REUSE-3")]
    public void MayGoOn_BehindMessages_Does()
    {
        var career = new ReuseCareer();
        foreach (var verb in (Verb[])[Verb.Noop, Verb.Mail, Verb.Rset, Verb.Mail, Verb.Rcpt, Verb.Rcpt])
            career.NoteReply(verb, 250, isOfMessage: false);
        Assert.That(career.MayGoOn, Is.False, "in a transaction");
        Message(career, "text\r\n..\r\n.\r\n");
        Assert.That(career.MayGoOn, Is.True);
        career.NoteReply(Verb.Rset, 250, isOfMessage: false);
        Assert.That(career.MayGoOn, Is.False, "a junk command that the next client has not sent");
        Message(career, "another\r\n.\r\n");

        Assert.That((career.MayGoOn, career.Messages), Is.EqualTo((true, 2)));
    }

    [TestCaseSource(nameof(s_tainting)), Property("Pool", "REUSE-3")]
    public void MayGoOn_AnythingElse_DoesNot((string What, Action<ReuseCareer> Tell) row)
    {
        var career = new ReuseCareer();
        row.Tell(career);

        Assert.That(career.MayGoOn, Is.False, row.What);
    }

    [Test, Property("Pool", "REUSE-3")]
    public void MayGoOn_ErrorAMessageAgo_StillDoesNot()
    {
        var career = new ReuseCareer();
        career.NoteReply(Verb.Rcpt, 550, isOfMessage: false);
        Message(career, "text\r\n.\r\n");
        Message(career, "text\r\n.\r\n");

        Assert.That(career.MayGoOn, Is.False);
    }

    [Test, Property("Pool", "REUSE-3")]
    public void MayGoOn_DisputedAMessageAgo_StillDoesNot()
    {
        var career = new ReuseCareer();
        Message(career, "te\nxt\r\n.\r\n");
        Message(career, "text\r\n.\r\n");

        Assert.That(career.MayGoOn, Is.False);
    }

    [Test, Property("Pool", "REUSE-9")]
    public void MayGoOn_FiftiethMessage_DoesNot()
    {
        var career = new ReuseCareer();
        for (var i = 1; i <= ReuseCareer.MostMessages; i++)
        {
            Message(career, "text\r\n.\r\n");
            Assert.That(career.MayGoOn, Is.EqualTo(i < ReuseCareer.MostMessages), $"message {i}");
        }
    }

    private static IEnumerable<(string What, Action<ReuseCareer> Tell)> Before(Verb verb, int code)
    {
        yield return ($"{verb} {code} before", career =>
        {
            career.NoteReply(verb, code, isOfMessage: false);
            Message(career, "text\r\n.\r\n");
        });
    }

    private static IEnumerable<(string What, Action<ReuseCareer> Tell)> Behind(Verb verb, int code)
    {
        yield return ($"{verb} {code} behind", career =>
        {
            Message(career, "text\r\n.\r\n");
            career.NoteReply(verb, code, isOfMessage: false);
        });
    }

    private static void Message(ReuseCareer career, string content, int code = 250, bool isWhole = true)
    {
        career.NoteReply(Verb.Mail, 250, isOfMessage: false);
        career.NoteReply(Verb.Rcpt, 250, isOfMessage: false);
        career.NoteReply(Verb.Data, 354, isOfMessage: false);
        foreach (var octet in Encoding.Latin1.GetBytes(content))
            career.NoteContent([octet]);
        career.NoteReply(Verb.Data, code, isWhole);
    }
}
