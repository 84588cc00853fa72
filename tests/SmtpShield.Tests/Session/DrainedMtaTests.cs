using SmtpShield.Mta.Slots;
using SmtpShield.Observe;
using SmtpShield.Session;

namespace SmtpShield.Tests.Session;

/// <summary>Sessions whose MTA is taken out by hand.</summary>
[CancelAfter(60_000)]
public class DrainedMtaTests
{
    private const string Keywords = "250-mta\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES\r\n";
    private const string Mail = "MAIL FROM:<a@x>\r\n";
    private const string Rcpt = "RCPT TO:<b@x>\r\n";
    private const string Ok = "250 2.1.0 Ok\r\n";
    private const string RcptOk = "250 2.1.5 Ok\r\n";
    private const string Queued = "250 2.0.0 queued\r\n";

    [TestCase("", "")]
    [TestCase("NOOP\r\n", "250 ok\r\n")]
    [TestCase(Mail + Rcpt, Ok + "550 5.1.1 unknown\r\n")]
    [TestCase("AUTH PLAIN AGEAYg==\r\n", "535 5.7.8 no\r\n")]
    public async Task NothingDependsOnIt_IsLeftAtOnceAndTheNextCommandGoesElsewhere(string sent, string replies)
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        Exchange(session, sent, replies);

        session.DrainMta();

        Assert.That((await session.NextToMtaAsync(), session.ClientSees()), Is.EqualTo(("QUIT\r\n", "")));
        var isOpen = sent.StartsWith(Mail, StringComparison.Ordinal);
        session.ClientSends(isOpen ? Rcpt : Mail);
        Assert.That((session.Dials, session.Hello), Is.EqualTo((2, "EHLO client")));
        session.MtaGreets("220 other\r\n", Keywords);
        Assert.That(session.MtaSees(), Is.EqualTo(Mail));
        session.MtaSends(Ok);
        Assert.That((session.ClientSees(), session.MtaSees()), Is.EqualTo(isOpen ? ("", Rcpt) : (Ok, "")));
    }

    [Test, Property("Pool", "SEAM-31")]
    public async Task InContent_MessageIsFinishedFirst()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        Exchange(session, Mail + Rcpt, Ok + RcptOk);
        Exchange(session, "DATA\r\n", "354 go\r\n");
        session.ClientSends("x\r\n");
        await DrainAsync(session);
        session.ClientSends(".\r\n");
        Assert.That(session.MtaSees(), Is.EqualTo("x\r\n.\r\n"));
        await DrainAsync(session);
        Assert.That(session.MtaSees(), Is.Empty, "behind the end it is waited for the verdict");
        session.MtaSends(Queued);

        Assert.That((session.ClientSees(), await session.NextToMtaAsync()), Is.EqualTo((Queued, "QUIT\r\n")));
    }

    [Test, Property("Pool", "SEAM-31")]
    public async Task InChunks_MessageIsFinishedFirst()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        Exchange(session, Mail + Rcpt, Ok + RcptOk);
        Exchange(session, "BDAT 1\r\nx", "250 chunk\r\n");
        await DrainAsync(session);
        Assert.That(session.MtaSees(), Is.Empty);
        Exchange(session, "BDAT 1 LAST\r\ny", Queued);

        Assert.That(await session.NextToMtaAsync(), Is.EqualTo("QUIT\r\n"));
    }

    [Test]
    public async Task RecipientsAccepted_TransactionEndsByRset_IsLeftThen()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        Exchange(session, Mail + Rcpt, Ok + RcptOk);
        await DrainAsync(session);
        Assert.That(session.MtaSees(), Is.Empty);
        Exchange(session, "RSET\r\n", "250 2.0.0 Ok\r\n");

        Assert.That(await session.NextToMtaAsync(), Is.EqualTo("QUIT\r\n"));
    }

    [Test, Property("Pool", "SEAM-31")]
    public async Task LoginUnderWay_StaysIfItSucceedsAndIsLeftIfNot([Values] bool succeeds)
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        Exchange(session, "AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n");
        await DrainAsync(session);
        Assert.That(session.MtaSees(), Is.Empty);
        Exchange(session, "YQ==\r\n", "334 UGFzc3dvcmQ6\r\n");
        session.ClientSends("Yg==\r\n");
        session.MtaSees();
        session.MtaSends(succeeds ? "235 2.7.0 ok\r\n" : "535 5.7.8 no\r\n");
        if (!succeeds)
        {
            Assert.That(await session.NextToMtaAsync(), Is.EqualTo("QUIT\r\n"));
            return;
        }

        session.ClientSees();
        await DrainAsync(session);
        Exchange(session, Mail + Rcpt, Ok + RcptOk);
        Exchange(session, "RSET\r\n", "250 2.0.0 Ok\r\n");
        Assert.That((session.MtaSees(), session.Dials), Is.EqualTo(("", 1)));
    }

    [Test, Property("Pool", "SEAM-31")]
    public async Task Tunnel_Stays()
    {
        await using var session = SessionUnderTest.Introduced(tls: TlsMode.Passthrough, keywords: "250-mta\r\n250 STARTTLS\r\n");
        Exchange(session, "STARTTLS\r\n", "220 go\r\n");
        await DrainAsync(session);
        Exchange(session, "\x16\x03\x01\0\x05hello", "\x16\x03\x03\0\x05hello");

        Assert.That((session.MtaSees(), session.Ended.IsCompleted), Is.EqualTo(("", false)));
    }

    [Test]
    public async Task SaysNothing_NobodyKnowsWhatAnotherMtaSays_IsTold()
    {
        await using var session = SessionUnderTest.Greeted();
        session.DrainMta();

        Assert.That(await session.Ended.WaitAsync(TimeSpan.FromSeconds(9)), Is.EqualTo(SessionEndReason.Shutdown));
        Assert.That((session.ClientSees(), await session.NextToMtaAsync()),
            Is.EqualTo(("421 4.3.2 mx Service not available, closing transmission channel\r\n", "QUIT\r\n")));
    }

    [Test]
    public async Task SaysNothing_AnotherMtaIsKnown_IsAnsweredInItsPlace()
    {
        await using var session = SessionUnderTest.Greeted();
        session.Memory.NoteEhlo(TestMemory.Destination, "250-other\r\n250 PIPELINING\r\n"u8);
        session.DrainMta();
        Assert.That(await session.NextToMtaAsync(), Is.EqualTo("QUIT\r\n"));
        session.ClientSends("EHLO client\r\n");

        Assert.That((session.ClientSees(), session.Dials), Is.EqualTo(("250-other\r\n250 PIPELINING\r\n", 1)));
    }

    private static void Exchange(SessionUnderTest session, string sent, string replies)
    {
        session.ClientSends(sent);
        Assert.That(session.MtaSees(), Is.EqualTo(sent));
        session.MtaSends(replies);
        Assert.That(session.ClientSees(), Is.EqualTo(replies));
    }

    // The session has looked, and stays as it is.
    private static async Task DrainAsync(SessionUnderTest session)
    {
        await session.LooksAsync(() => session.Slot!.Ask(SlotDemand.End));
        await session.LooksAsync(session.DrainMta);
        Assert.That(session.Slot!.Demand, Is.EqualTo(SlotDemand.None));
    }
}
