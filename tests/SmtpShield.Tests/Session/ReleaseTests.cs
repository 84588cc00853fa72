using SmtpShield.Mta.Slots;
using SmtpShield.Observe;

namespace SmtpShield.Tests.Session;

/// <summary>Sessions with the MTA that are given back for others, and taken up again.</summary>
public class ReleaseTests
{
    private const string Greeting = "220 mta.example ESMTP\r\n";
    private const string Keywords = "250-mta\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES\r\n";
    private const string Mail = "MAIL FROM:<a@x>\r\n";
    private const string Rcpt = "RCPT TO:<b@x>\r\n";
    private const string Ok = "250 2.1.0 Ok\r\n";

    [Test]
    public async Task Idle_UnderPressure_IsLeftWithQuitAndDialedAgain()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.IsUnderPressure = true;
        session.Time.Advance(TimeSpan.FromSeconds(4.9));
        var before = session.MtaSees();
        session.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.That((before, await session.NextToMtaAsync()), Is.EqualTo(("", "QUIT\r\n")));
        session.ClientSends("NOOP\r\n");
        Assert.That(session.ClientSees(), Is.EqualTo("250 2.0.0 Ok\r\n"));
        session.ClientSends(Mail);
        Assert.That((session.Dials, session.Hello), Is.EqualTo((2, "EHLO client")));
        session.MtaGreets(Greeting, Keywords);
        Assert.That(session.MtaSees(), Is.EqualTo(Mail));
        session.MtaSends(Ok);

        Assert.That(session.ClientSees(), Is.EqualTo(Ok));
    }

    [Test]
    public async Task Idle_WithoutPressure_IsNever()
    {
        await using var session = SessionUnderTest.Introduced(new() { Smtpd = new() { MyHostname = "mx", Timeout = TimeSpan.FromSeconds(400) } });
        for (var i = 0; i < 300; i++)
            session.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.That((session.MtaSees(), session.Slot!.Use), Is.EqualTo(("", SlotUse.Releasable)));
    }

    [Test]
    public async Task Idle_NoopsOnly_DoNotKeepIt()
    {
        await using var session = SessionUnderTest.Introduced();
        session.IsUnderPressure = true;
        session.Time.Advance(TimeSpan.FromSeconds(4));
        session.ClientSends("NOOP\r\n");
        session.MtaSends("250 ok\r\n");
        Assert.That(session.MtaSees(), Is.EqualTo("NOOP\r\n"));
        session.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.That(await session.NextToMtaAsync(), Is.EqualTo("QUIT\r\n"));
    }

    [Test]
    public async Task Demand_InATransactionWithoutRecipients_ReleasesAndMailIsSaidAgain()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.Exchange(Mail, Ok);
        session.Exchange(Rcpt, "550 5.1.1 unknown\r\n");
        session.Time.Advance(TimeSpan.FromSeconds(5));
        session.Slot!.Ask(SlotDemand.Release);
        Assert.That(await session.NextToMtaAsync(), Is.EqualTo("QUIT\r\n"));
        session.ClientSends("DATA\r\n");
        Assert.That((session.ClientSees(), session.Dials), Is.EqualTo(("554 5.5.1 Error: no valid recipients\r\n", 1)));
        session.ClientSends(Rcpt + "RCPT TO:<c@x>\r\n");
        session.MtaGreets(Greeting, Keywords);
        Assert.That((session.Hello, session.MtaSees()), Is.EqualTo(("EHLO client", Mail)));
        session.MtaSends("250 2.1.0 again\r\n");
        Assert.That((session.MtaSees(), session.ClientSees()), Is.EqualTo((Rcpt + "RCPT TO:<c@x>\r\n", "")));
        session.MtaSends("250 1\r\n250 2\r\n");

        Assert.That(session.ClientSees(), Is.EqualTo("250 1\r\n250 2\r\n"));
    }

    [Test]
    public async Task Replay_MailRefused_AnswersTheCommandAndEndsTheTransaction()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.Exchange(Mail, Ok);
        await session.ReleaseAsync();
        session.ClientSends(Rcpt);
        session.MtaGreets(Greeting, Keywords);
        session.MtaSees();
        session.MtaSends("450 4.3.1 not now\r\n");
        Assert.That((session.ClientSees(), session.MtaSees()), Is.EqualTo(("450 4.3.1 not now\r\n", "")));
        session.ClientSends("DATA\r\n");
        Assert.That(session.MtaSees(), Is.EqualTo("DATA\r\n"), "the session is the MTA's again");
    }

    [Test]
    public async Task Rset_BehindARelease_EndsTheTransactionHere()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.Exchange(Mail, Ok);
        await session.ReleaseAsync();
        session.ClientSends("RSET\r\n" + Rcpt);
        Assert.That((session.ClientSees(), session.Dials), Is.EqualTo(("250 2.0.0 Ok\r\n503 5.5.1 Error: need MAIL command\r\n", 1)));
    }

    [TestCase(Mail + Rcpt, Ok + "250 2.1.5 Ok\r\n")]
    [TestCase("AUTH PLAIN AGEAYg==\r\n", "235 2.7.0 ok\r\n")]
    [TestCase("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n")]
    [TestCase(Mail + "BDAT 1\r\nx", Ok + "250 ok\r\n")]
    [TestCase("NOOP\r\n", "")]
    [Property("Pool", "SEAM-31")]
    public async Task Demand_WhatOnlyThisSessionKnows_IsDeclined(string sent, string replies)
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.ClientSends(sent);
        session.MtaSees();
        session.MtaSends(replies);
        session.ClientSees();
        session.IsUnderPressure = true;
        session.Time.Advance(TimeSpan.FromSeconds(9));
        await session.LooksAsync(() => session.Slot!.Ask(SlotDemand.Release));

        Assert.That((session.MtaSees(), session.ClientSees(), session.Slot!.Demand), Is.EqualTo(("", "", SlotDemand.None)));
    }

    [Test]
    public async Task Demand_EndOfASilentClientInATransaction_TellsItAndSaysQuit()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.ClientSends(Mail + Rcpt);
        session.MtaSees();
        session.MtaSends(Ok + "250 2.1.5 Ok\r\n");
        session.ClientSees();
        session.Time.Advance(TimeSpan.FromSeconds(10));
        session.Slot!.Ask(SlotDemand.End);

        Assert.That(await session.Ended, Is.EqualTo(SessionEndReason.ClientTimeout));
        Assert.That((session.ClientSees(), await session.NextToMtaAsync(), session.Told.Bad),
            Is.EqualTo(("421 4.4.2 mx Error: timeout exceeded\r\n", "QUIT\r\n", 1)));
    }

    [Test]
    [Property("Pool", "SEAM-37")]
    public async Task Demand_EndInALogin_CancelsIt()
    {
        await using var session = SessionUnderTest.Introduced(keywords: Keywords);
        session.ClientSends("AUTH LOGIN\r\n");
        session.MtaSees();
        session.MtaSends("334 VXNlcm5hbWU6\r\n");
        session.Time.Advance(TimeSpan.FromSeconds(10));
        session.Slot!.Ask(SlotDemand.End);

        Assert.That(await session.Ended, Is.EqualTo(SessionEndReason.ClientTimeout));
        Assert.That(session.ClientSees(), Does.EndWith("421 4.4.2 mx Error: timeout exceeded\r\n"));
        Assert.That(await session.NextToMtaAsync() + session.MtaSees(), Is.EqualTo("*\r\nQUIT\r\n"));
    }

    [Test]
    public async Task Demand_EndInSlowContent_ClosesWithoutAnEnd()
    {
        await using var session = SessionUnderTest.Introduced(
            new() { Smtpd = new() { MyHostname = "mx", MinDataRate = 100, Timeout = TimeSpan.FromSeconds(300) } }, keywords: Keywords);
        session.ClientSends(Mail + Rcpt + "DATA\r\n");
        session.MtaSees();
        session.MtaSends(Ok + "250 2.1.5 Ok\r\n354 go\r\n");
        for (var i = 0; i < 11; i++)
        {
            session.ClientSends(new string('x', 600));
            session.Time.Advance(TimeSpan.FromSeconds(1));
        }
        session.MtaSees();
        session.Slot!.Ask(SlotDemand.End);

        Assert.That(await session.Ended, Is.EqualTo(SessionEndReason.ClientTimeout));
        Assert.That(session.MtaSees(), Is.Empty);
        Assert.That(session.ClientSees(), Does.EndWith("421 4.4.2 mx Error: timeout exceeded\r\n"));
    }

    // Each chunk would be in time, and what came before it be counted again.
    [Test]
    public async Task Demand_EndInManySmallChunks_ClosesAsInAnyOtherSlowContent()
    {
        await using var session = SessionUnderTest.Introduced(
            new() { Smtpd = new() { MyHostname = "mx", MinDataRate = 100, Timeout = TimeSpan.FromSeconds(300) } }, keywords: Keywords);
        session.ClientSends(Mail + Rcpt);
        session.MtaSees();
        session.MtaSends(Ok + "250 2.1.5 Ok\r\n");
        for (var i = 0; i < 11; i++)
        {
            session.ClientSends($"BDAT 600\r\n{new string('x', 600)}");
            session.MtaSends("250 2.0.0 chunk\r\n");
            session.Time.Advance(TimeSpan.FromSeconds(1));
        }

        session.Slot!.Ask(SlotDemand.End);

        Assert.That(await session.Ended.WaitAsync(TimeSpan.FromSeconds(9)), Is.EqualTo(SessionEndReason.ClientTimeout));
    }

    [Test]
    public async Task Mta_RefusedNothingItself_MayEndUnnoticed()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends("FOO\r\n");
        Assert.That(session.ClientSees(), Does.StartWith("500 "));
        await BeginAndEndAMessageAsync(session);
        session.MtaCloses();

        Assert.That((session.ClientSees(), session.Ended.IsCompleted), Is.EqualTo(("", false)));
    }

    [Test]
    public async Task Delay_OfARefusal_IsTimeForSomebodyElse()
    {
        await using var session = SessionUnderTest.Introduced(new()
        {
            Smtpd = new() { MyHostname = "mx" },
            Limits = new() { SoftErrorLimit = 1, HardErrorLimit = 20, ErrorSleepTime = TimeSpan.FromSeconds(1) },
        }, keywords: Keywords);
        session.Exchange(Mail, Ok);
        session.Exchange(Rcpt, "550 5.1.1 unknown\r\n");
        session.ClientSends(Rcpt);
        session.MtaSees();
        session.MtaSends("550 5.1.1 unknown\r\n");
        Assert.That((session.ClientSees(), session.Slot!.Use), Is.EqualTo(("", SlotUse.Releasable)));
        session.Slot.Ask(SlotDemand.Release);
        Assert.That((await session.NextToMtaAsync(), session.ClientSees()), Is.EqualTo(("QUIT\r\n", "")));
        session.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(session.ClientSees(), Is.EqualTo("550 5.1.1 unknown\r\n"));
        session.ClientSends(Rcpt);
        session.MtaGreets(Greeting, Keywords);

        Assert.That(session.MtaSees(), Is.EqualTo(Mail));
    }

    [Test]
    public async Task Queue_TooLong_IsNoErrorAndTheNextCommandWaitsAnew()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        foreach (var dials in new[] { 1, 2 })
        {
            session.ClientSends(Mail);
            session.MtaHasNoRoom();
            Assert.That((session.ClientSees(), session.Dials, session.Context.Errors.Errors),
                Is.EqualTo(("451 4.3.2 mx Error: mail server busy\r\n", dials, 0)));
        }
    }

    [TestCase(null)]
    [TestCase("421 4.4.2 mta Error: timeout exceeded\r\n")]
    [TestCase("421 4.3.2 mta closing\r\n")]
    public async Task Mta_EndsASessionNobodyNeeds_IsNotNoticed(string? farewell)
    {
        await using var session = SessionUnderTest.LateIntroduced();
        await BeginAndEndAMessageAsync(session);
        if (farewell is not null)
            session.MtaSends(farewell);
        session.MtaCloses();
        Assert.That(session.ClientSees(), Is.Empty);
        session.ClientSends(Mail);

        Assert.That((session.Dials, session.Hello), Is.EqualTo((2, "EHLO c.example")));
    }

    [Test]
    [Property("Pool", "SEAM-10")]
    public async Task Mta_EndsASessionWithAnotherWord_IsPassedOn()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        await BeginAndEndAMessageAsync(session);
        session.MtaSends("421 4.7.0 mta Error: too many errors\r\n");

        Assert.That((session.ClientSees(), await session.Ended), Is.EqualTo(("421 4.7.0 mta Error: too many errors\r\n", SessionEndReason.UpstreamEnded)));
    }

    [Test]
    public async Task Message_Accepted_IsTold()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        await BeginAndEndAMessageAsync(session);

        Assert.That(session.Told, Is.EqualTo((1, 3, 0, 0)));
    }

    private static Task BeginAndEndAMessageAsync(SessionUnderTest session)
    {
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
        session.MtaSends(Ok);
        session.Exchange(Rcpt, "250 2.1.5 Ok\r\n");
        session.Exchange("DATA\r\n", "354 go\r\n");
        session.Exchange("x\r\n.\r\n", "250 2.0.0 queued\r\n");
        return Task.CompletedTask;
    }
}
