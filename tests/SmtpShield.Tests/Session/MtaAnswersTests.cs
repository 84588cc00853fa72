using SmtpShield.Mta.Slots;

namespace SmtpShield.Tests.Session;

/// <summary>What sessions tell of their MTA: how long it takes to answer, and what it refuses for its own sake.</summary>
public class MtaAnswersTests
{
    private const string Mail = "MAIL FROM:<a@x>\r\n";
    private const string Rcpt = "RCPT TO:<b@x>\r\n";
    private const string Ok = "250 2.1.0 Ok\r\n";
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    [Test]
    public async Task MailAndRcpt_AreTimedAndNothingElseIs()
    {
        await using var session = SessionUnderTest.Introduced();
        session.Time.Advance(s_second);

        Ask(session, "NOOP\r\n", isTimed: false);
        Ask(session, Mail, isTimed: true);
        Ask(session, Rcpt, isTimed: true);
        Ask(session, "RSET\r\n", isTimed: false);
    }

    [Test]
    public async Task PipelinedCommands_EachIsTimedFromTheReplyBeforeIt()
    {
        await using var session = SessionUnderTest.Introduced();
        session.Time.Advance(s_second);
        session.ClientSends(Mail + Rcpt + Rcpt);
        var asked = session.Time.GetTimestamp();
        Assert.That(session.Slot!.AwaitedSince, Is.EqualTo(asked));

        session.Time.Advance(s_second);
        session.MtaSends(Ok);
        Assert.That(session.Slot.AwaitedSince, Is.EqualTo(session.Time.GetTimestamp()));
        session.Time.Advance(s_second);
        session.MtaSends(Ok);
        session.MtaSends(Ok);

        Assert.That(session.Slot.AwaitedSince, Is.Zero);
    }

    [Test]
    public async Task ReplyThatWaitsForItsTime_IsTimedWhenItCame()
    {
        await using var session = SessionUnderTest.Introduced(new()
        {
            Smtpd = new() { MyHostname = "mx" }, Limits = new() { SoftErrorLimit = 1, ErrorSleepTime = s_second },
        });
        session.Time.Advance(s_second);
        session.ClientSends("FOO\r\n");
        session.MtaSends("500 no\r\n");
        session.Time.Advance(s_second);
        session.ClientSends(Mail);
        session.MtaSends(Ok);

        Assert.That(session.Slot!.AwaitedSince, Is.Zero);
    }

    [TestCase("450 4.7.1 greylisted", false)]
    [TestCase("451 4.3.0 queue file write error", true)]
    [TestCase("452 4.3.1 no space", true)]
    [TestCase("452 4.2.2 mailbox full", false)]
    [TestCase("451 later", false)]
    [TestCase("550 5.3.0 no", false)]
    [TestCase("421 4.3.2 shutting down", true)]
    [TestCase("421 4.7.0 mx Error: too many errors", false)]
    [TestCase("421 bye", true)]
    [TestCase("421", true)]
    [Property("Pool", "STRESS-2")]
    public async Task Refusal_CountsForTheSystemByItsCode(string refusal, bool isOfSystem)
    {
        await using var session = SessionUnderTest.Introduced();
        session.ClientSends(Mail);
        session.MtaSends($"{refusal}\r\n");

        session.Destination!.Stress.EndSecond(session.Slot!.Slots.Terms);

        var signals = session.Destination.Stress.State.Signals;
        Assert.That((signals.Replies, signals.SystemReplies), Is.EqualTo((1, isOfSystem ? 1 : 0)));
    }

    [Test]
    public async Task Message_AllItsRepliesCountAndNoOthers()
    {
        await using var session = SessionUnderTest.Introduced();
        session.ClientSends("NOOP\r\n");
        session.MtaSends("451 4.3.0 no\r\n");
        session.ClientSends(Mail);
        session.MtaSends(Ok);
        session.ClientSends(Rcpt);
        session.MtaSends(Ok);
        session.ClientSends("DATA\r\n");
        session.MtaSends("354 go\r\n");
        session.ClientSends("text\r\n.\r\n");
        session.MtaSends("451 4.3.0 queue file write error\r\n");

        session.Destination!.Stress.EndSecond(session.Slot!.Slots.Terms);

        var signals = session.Destination.Stress.State.Signals;
        Assert.That((signals.Replies, signals.SystemReplies), Is.EqualTo((4, 1)));
    }

    private static void Ask(SessionUnderTest session, string command, bool isTimed)
    {
        session.ClientSends(command);
        Assert.That(session.Slot!.AwaitedSince, Is.EqualTo(isTimed ? session.Time.GetTimestamp() : 0), command);
        session.MtaSends(Ok);
        Assert.That(session.Slot.AwaitedSince, Is.Zero, command);
        Assert.That(session.Slot.Use, Is.Not.EqualTo(SlotUse.Kept), command);
    }
}
