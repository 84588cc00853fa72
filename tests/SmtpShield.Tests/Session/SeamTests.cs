using SmtpShield.Mta.Slots;
using SmtpShield.Observe;
using SmtpShield.Session;

namespace SmtpShield.Tests.Session;

/// <summary>Where two things meet in one moment: the MTA's end, a release, a dial, a deadline, and what the client does meanwhile.</summary>
public class SeamTests
{
    private const string Greeting = "220 mta.example ESMTP\r\n";
    private const string Keywords = "250-mta\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES\r\n";
    private const string Mail = "MAIL FROM:<a@x>\r\n";
    private const string Rcpt = "RCPT TO:<b@x>\r\n";
    private const string Ok = "250 2.1.0 Ok\r\n";
    private const string Unavailable = "421 4.3.0 mx Error: mail server unavailable\r\n";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(9);

    // How far a client has come when the MTA is gone, and what it was told before.
    private static readonly (string Sent, string Replies)[] s_moments =
    [
        (Mail, ""),
        (Mail + Rcpt + "RCPT TO:<c@x>\r\n", Ok + "250 2.1.5 Ok\r\n"),
        (Mail + Rcpt + "DATA\r\n", Ok + "250 2.1.5 Ok\r\n"),
        (Mail + Rcpt + "DATA\r\n|half", Ok + "250 2.1.5 Ok\r\n354 go\r\n"),
        (Mail + Rcpt + "DATA\r\n|all\r\n.\r\n", Ok + "250 2.1.5 Ok\r\n354 go\r\n"),
    ];

    private static readonly (string Sent, string Hello)[] s_hellos =
    [
        ($"EHLO {new string('a', 500)}\r\n", $"EHLO {new string('a', 500)}"),
        ("EHLO [IPv6:2001:db8::1]\r\n", "EHLO [IPv6:2001:db8::1]"),
        ("EHLO \u00c3\u00a4.example\r\n", "EHLO \u00c3\u00a4.example"),
        ("EHLO\tx\r\n", "EHLO\tx"),
        ("eHlO  two blanks \n", "eHlO  two blanks "),
    ];

    // In content it is the client's turn: nothing of the MTA's is waited for.
    private static IEnumerable<(string Sent, string Replies)> MomentsOfTheMta =>
        s_moments.Where(static moment => !moment.Sent.EndsWith("half", StringComparison.Ordinal));

    [TestCase(false), TestCase(true), Property("Pool", "SEAM-1")]
    public async Task Mta_GoneWithItsReplyToEhlo_AnotherOneIsToldMailAndTheClientNothing(bool isInTransaction)
    {
        await using var session = SessionUnderTest.LateIntroduced();
        if (isInTransaction)
        {
            session.ClientSends(Mail);
            session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
            session.MtaSends(Ok);
            Assert.That((session.ClientSees(), session.MtaSees()), Is.EqualTo((Ok, Mail)));
            await session.ReleaseAsync();
        }
        var before = session.Dials;

        session.ClientSends(isInTransaction ? Rcpt : Mail);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords, closes: true);
        Assert.That((session.ClientSees(), session.MtaSees(), session.Dials, session.Hello), Is.EqualTo(("", "", before + 2, "EHLO c.example")));
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
        Assert.That(session.MtaSees(), Is.EqualTo(Mail));
        session.MtaSends(Ok);
        Assert.That((session.ClientSees(), session.MtaSees()), Is.EqualTo(isInTransaction ? ("", Rcpt) : (Ok, "")));
    }

    [Test, Property("Pool", "SEAM-1")]
    public async Task Mta_GoneWithItsReplyToEhloAgainAndAgain_ClientIsToldOnce()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords, closes: true);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords, closes: true);

        Assert.That((session.ClientSees(), await session.Ended.WaitAsync(s_patience), session.Dials),
            Is.EqualTo((Unavailable, SessionEndReason.UpstreamLost, 2)));
    }

    [Test, Property("Pool", "SEAM-1")]
    public async Task Mta_GoneWithItsReplyToEhlo_AfterACommandThatWasPutOff_IsReplacedAgain()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords, closes: true);
        session.MtaHasNoRoom();
        Assert.That(session.ClientSees(), Does.StartWith("451 4.3.2 "));

        session.ClientSends(Mail);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords, closes: true);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
        Assert.That((session.ClientSees(), session.MtaSees(), session.Dials), Is.EqualTo(("", Mail, 4)));
    }

    [TestCaseSource(nameof(s_moments)), Property("Pool", "SEAM-2")]
    public async Task Mta_GoneAtAnyMoment_IsToldOnceAndNothingIsSaidAgain((string Sent, string Replies) moment)
    {
        await using var session = In(moment);
        session.MtaCloses();

        Assert.That((session.ClientSees(), await session.Ended.WaitAsync(s_patience), session.Dials),
            Is.EqualTo((moment.Replies + Unavailable, SessionEndReason.UpstreamLost, 1)));
    }

    [TestCaseSource(nameof(MomentsOfTheMta)), Property("Pool", "SEAM-3")]
    public async Task Mta_AnswersBeforeItsDeadlineOrNeverAgain((string Sent, string Replies) moment)
    {
        var deadline = TimeSpan.FromSeconds(moment.Sent.EndsWith(".\r\n", StringComparison.Ordinal) ? 600 : 300);
        var answer = moment.Sent.EndsWith("DATA\r\n", StringComparison.Ordinal) ? "354 late\r\n" : "250 late\r\n";
        await using (var session = In(moment))
        {
            session.Time.Advance(deadline - TimeSpan.FromSeconds(1));
            session.MtaSends(answer);
            Assert.That((session.ClientSees(), session.Ended.IsCompleted), Is.EqualTo((moment.Replies + answer, false)));
        }

        await using (var session = In(moment))
        {
            session.Time.Advance(deadline);
            var told = session.ClientSees();
            session.MtaSends(answer);

            Assert.That((told, session.ClientSees(), await session.Ended.WaitAsync(s_patience)),
                Is.EqualTo((moment.Replies + Unavailable, "", SessionEndReason.UpstreamTimeout)));
        }
    }

    [Test, Property("Pool", "SEAM-7"), Property("Pool", "SEAM-8")]
    public async Task Release_AskedWhenMailHasCome_IsDeclined()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.Time.Advance(TimeSpan.FromSeconds(5));
        session.ClientSends(Mail);
        await session.LooksAsync(() => session.Slot!.Ask(SlotDemand.Release));
        Assert.That((session.MtaSees(), session.Slot!.Demand), Is.EqualTo((Mail, SlotDemand.None)));
        session.MtaSends(Ok);

        Assert.That((session.ClientSees(), session.Dials), Is.EqualTo((Ok, 1)));
    }

    [Test, Property("Pool", "SEAM-8")]
    public async Task Release_MailComesBeforeTheMtasFarewell_GoesToANewSession()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        await session.ReleaseAsync();
        session.ClientSends(Mail);
        session.MtaSends("221 2.0.0 Bye\r\n");
        session.MtaCloses();
        session.MtaGreets(Greeting, Keywords);
        Assert.That(session.MtaSees(), Is.EqualTo(Mail));
        session.MtaSends(Ok);

        Assert.That((session.ClientSees(), session.Dials), Is.EqualTo((Ok, 2)));
    }

    [TestCase(null), TestCase("421 4.4.2 mta Error: timeout exceeded\r\n"), Property("Pool", "SEAM-10")]
    public async Task Mta_EndsWhileIdle_NoopIsAnsweredHereAndMailDials(string? farewell)
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
        session.MtaSends(Ok);
        session.ClientSends("RSET\r\n");
        session.MtaSends("250 2.0.0 Ok\r\n");
        session.ClientSees();
        session.MtaSends(farewell ?? "");
        session.MtaCloses();
        session.ClientSends("NOOP\r\n");
        Assert.That((session.ClientSees(), session.Dials), Is.EqualTo(("250 2.0.0 Ok\r\n", 1)));
        session.ClientSends(Mail);

        Assert.That(session.Dials, Is.EqualTo(2));
    }

    /// <summary>What was said of a reply that never ended is no part of another MTA's.</summary>
    [TestCase("4"), TestCase("421-4.4.2 mta\r\n421"), TestCase("250-")]
    public async Task Mta_EndsWithinAReplyWhileIdle_AnotherOnesReplyIsRelayed(string part)
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
        session.MtaSends(Ok);
        session.Exchange("RSET\r\n", "250 2.0.0 Ok\r\n");
        session.MtaSends(part);
        session.MtaCloses();
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
        Assert.That((session.MtaSees(), session.Dials), Is.EqualTo((Mail, 2)));
        session.MtaSends(Ok);

        Assert.That(session.ClientSees(), Is.EqualTo(Ok));
    }

    [Test, Property("Pool", "SEAM-14")]
    public async Task Mta_TakesItsTimeForARefusal_KeepsTheSlotMeanwhile()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.Exchange(Mail, Ok);
        session.ClientSends(Rcpt);
        session.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.That(session.Slot!.Use, Is.EqualTo(SlotUse.Kept));
        session.MtaSends("550 5.1.1 unknown\r\n");

        Assert.That((session.ClientSees(), session.Slot.Use), Is.EqualTo(("550 5.1.1 unknown\r\n", SlotUse.Releasable)));
    }

    [Test, Property("Pool", "SEAM-18")]
    public async Task Mta_OffersThisClientNoAuth_OneIsToldAndTheNextIsNotOfferedIt()
    {
        await using var session = SessionUnderTest.LateIntroduced(keywords: "250-mta.example\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN\r\n");
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, "250-mta.example\r\n250 ENHANCEDSTATUSCODES\r\n");

        Assert.That((session.ClientSees(), await session.Ended.WaitAsync(s_patience)), Is.EqualTo((Unavailable, SessionEndReason.NoUpstream)));
        Assert.That(session.Memory.Recall()!.Offer.Offers("AUTH"), Is.False);
    }

    [Test, Property("Pool", "SEAM-19")]
    public async Task Mta_TakesSmallerMessagesThanItDid_SaysSoItself()
    {
        await using var session = SessionUnderTest.LateIntroduced(keywords: "250-mta.example\r\n250 SIZE 10000000\r\n");
        session.ClientSends("MAIL FROM:<a@x> SIZE=5000000\r\n");
        session.MtaGreets(Greeting, "250-mta.example\r\n250 SIZE 1000000\r\n");
        Assert.That(session.MtaSees(), Is.EqualTo("MAIL FROM:<a@x> SIZE=5000000\r\n"));
        session.MtaSends("552 5.3.4 Message size exceeds fixed limit\r\n");

        Assert.That((session.ClientSees(), session.Ended.IsCompleted), Is.EqualTo(("552 5.3.4 Message size exceeds fixed limit\r\n", false)));
    }

    [TestCaseSource(nameof(s_hellos)), Property("Pool", "SEAM-20")]
    public async Task Hello_WhateverItIs_IsSaidAgainAsItWas((string Sent, string Hello) hello)
    {
        await using var session = SessionUnderTest.Late();
        session.ClientSends(hello.Sent);
        Assert.That(session.ClientSees(), Is.EqualTo(SessionUnderTest.LearnedKeywords));
        session.ClientSends(Mail);

        Assert.That((session.Hello, session.Dials), Is.EqualTo((hello.Hello, 1)));
    }

    [Test, Property("Pool", "SEAM-21")]
    public async Task Hello_InATransaction_IsTheOneThatIsSaidAgainAndNoMailIs()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.Exchange(Mail, Ok);
        session.ClientSends("EHLO later\r\n");
        session.MtaSees();
        session.MtaSends(Keywords);
        session.ClientSees();
        await session.ReleaseAsync();
        session.ClientSends("MAIL FROM:<c@x>\r\n");
        session.MtaGreets(Greeting, Keywords);

        Assert.That((session.Hello, session.MtaSees()), Is.EqualTo(("EHLO later", "MAIL FROM:<c@x>\r\n")));
    }

    [Test, Property("Pool", "SEAM-22")]
    public async Task Mail_RefusedThenReleased_IsSaidOnceToEach()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.Exchange(Mail, "450 4.7.1 later\r\n");
        await session.ReleaseAsync();
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, Keywords);
        Assert.That(session.MtaSees(), Is.EqualTo(Mail));
        session.MtaSends(Ok);

        Assert.That((session.ClientSees(), session.MtaSees(), session.Dials), Is.EqualTo((Ok, "", 2)));
    }

    [Test, Property("Pool", "SEAM-23")]
    public async Task Group_OfTwoTransactions_IsInOrderAndDialsOnce()
    {
        const string group = Mail + Rcpt + "RSET\r\n" + "MAIL FROM:<c@x>\r\n" + Rcpt + "DATA\r\n";
        for (var cut = 0; cut < group.Length; cut++)
        {
            await using var session = SessionUnderTest.LateIntroduced();
            session.ClientSends(group[..cut]);
            session.ClientSends(group[cut..]);
            session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
            Assert.That(session.MtaSees(), Is.EqualTo(group), $"cut at {cut}");
            session.MtaSends("250 1\r\n250 2\r\n250 3\r\n250 4\r\n250 5\r\n354 6\r\n");

            Assert.That((session.ClientSees(), session.Dials), Is.EqualTo(("250 1\r\n250 2\r\n250 3\r\n250 4\r\n250 5\r\n354 6\r\n", 1)), $"cut at {cut}");
        }
    }

    [Test, Property("Pool", "SEAM-24")]
    public async Task Client_EndsItsSideAndTheDialIsSlow_IsAnsweredToTheEnd()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail + "QUIT\r\n");
        session.ClientEnds();
        session.Time.Advance(TimeSpan.FromSeconds(5));
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
        Assert.That(session.MtaSees(), Is.EqualTo(Mail + "QUIT\r\n"));
        session.MtaSends(Ok + "221 bye\r\n");

        Assert.That((session.ClientSees(), await session.Ended.WaitAsync(s_patience)), Is.EqualTo((Ok + "221 bye\r\n", SessionEndReason.ClientQuit)));
    }

    [Test, Property("Pool", "SEAM-26")]
    public async Task Session_TimeIsOverWhileItWaits_EndsAndLeavesTheQueue()
    {
        await using var session = SessionUnderTest.LateIntroduced(
            new() { Smtpd = new() { MyHostname = "mx", SessionTimeLimit = TimeSpan.FromSeconds(20), Timeout = TimeSpan.FromSeconds(300) } });
        session.ClientSends(Mail);
        session.Time.Advance(TimeSpan.FromSeconds(19));
        Assert.That(session.ClientSees(), Is.Empty);
        session.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.That((session.ClientSees(), await session.Ended.WaitAsync(s_patience)),
            Is.EqualTo(("421 4.4.2 mx Error: timeout exceeded\r\n", SessionEndReason.ClientTimeout)));
        await session.DisposeLoopAsync();
        Assert.That(session.HasLeftQueue, Is.True);
    }

    [Test, Property("Pool", "SEAM-36")]
    public async Task StartTls_PassedOnAndNoRoomAtTheMta_IsRefusedForNow()
    {
        const string keywords = "250-mta.example\r\n250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n";
        await using var session = SessionUnderTest.Late(tls: TlsMode.Passthrough, keywords: keywords);
        session.ClientSends("EHLO c.example\r\n");
        Assert.That(session.ClientSees(), Is.EqualTo(keywords));
        session.ClientSends("STARTTLS\r\n");
        session.MtaHasNoRoom();
        Assert.That((session.ClientSees(), session.Context.Errors.Errors), Is.EqualTo(("454 4.7.0 TLS not available due to local problem\r\n", 0)));
        session.ClientSends("STARTTLS\r\n");
        session.MtaGreets(Greeting, keywords);
        Assert.That((session.MtaSees(), session.Dials), Is.EqualTo(("STARTTLS\r\n", 2)));
        session.MtaSends("220 2.0.0 Ready\r\n");
        session.ClientSends("\u0016\u0003\u0001");
        session.IsUnderPressure = true;
        session.Time.Advance(TimeSpan.FromSeconds(30));

        Assert.That((session.ClientSees(), session.MtaSees(), session.Slot!.Use), Is.EqualTo(("220 2.0.0 Ready\r\n", "\u0016\u0003\u0001", SlotUse.Kept)));
    }

    [Test, Property("Pool", "SEAM-38")]
    public async Task Idle_NoopsAndRsets_DoNotKeepTheSession([Values("NOOP\r\n", "RSET\r\n")] string line)
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.IsUnderPressure = true;
        session.Time.Advance(TimeSpan.FromSeconds(4));
        session.Exchange(line, "250 2.0.0 Ok\r\n");
        session.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await session.NextToMtaAsync(), Is.EqualTo("QUIT\r\n"));
        session.ClientSends(line);

        Assert.That((session.ClientSees(), session.Dials), Is.EqualTo(("250 2.0.0 Ok\r\n", 1)));
    }

    [Test, Property("Pool", "SEAM-39")]
    public async Task Idle_OneOctetOfACommandNowAndThen_DoesNotKeepTheSession()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.IsUnderPressure = true;
        session.ClientSends("M");
        session.Time.Advance(TimeSpan.FromSeconds(4));
        session.ClientSends("A");
        session.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await session.NextToMtaAsync(), Is.EqualTo("QUIT\r\n"));
        session.ClientSends(Mail[2..]);
        session.MtaGreets(Greeting, Keywords);

        Assert.That((session.MtaSees(), session.Dials), Is.EqualTo((Mail, 2)));
    }

    [Test, Property("Pool", "SEAM-40")]
    public async Task Client_DoesNotRead_IsAskedAsOneThatIsSilent()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        var reply = string.Concat(Enumerable.Repeat($"214-{new string('x', 4000)}\r\n", 15)) + "214 end\r\n";
        foreach (var answer in new[] { reply, reply, reply })
        {
            session.ClientSends("HELP\r\n");
            session.MtaSends(answer);
        }

        Assert.That(session.Slot!.Use, Is.EqualTo(SlotUse.Client));
        var before = session.Slot.DemandAt(session.Time.GetTimestamp());
        session.Time.Advance(TimeSpan.FromSeconds(10));

        Assert.That((before, session.Slot.DemandAt(session.Time.GetTimestamp())), Is.EqualTo((SlotDemand.None, SlotDemand.End)));
    }

    private static SessionUnderTest In((string Sent, string Replies) moment)
    {
        var session = SessionUnderTest.LateIntroduced();
        var parts = moment.Sent.Split('|');
        session.ClientSends(parts[0]);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
        Assert.That(session.MtaSees(), Is.EqualTo(parts[0]));
        session.MtaSends(moment.Replies);
        if (parts.Length > 1)
            session.ClientSends(parts[1]);
        // The last octets of a message wait for a second look at the MTA's socket.
        session.Time.Advance(TimeSpan.FromMilliseconds(10));
        Assert.That(session.MtaSees(), Is.EqualTo(parts.Length > 1 ? parts[1] : ""));
        return session;
    }
}
