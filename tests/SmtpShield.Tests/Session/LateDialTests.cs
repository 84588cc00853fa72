using SmtpShield.Observe;

namespace SmtpShield.Tests.Session;

/// <summary>Clients that are answered in the MTA's place until they need it.</summary>
public class LateDialTests
{
    private const string Greeting = "220 mta.example ESMTP\r\n";
    private const string Mail = "MAIL FROM:<a@x>\r\n";
    private const string Ok = "250 2.1.0 Ok\r\n";

    private static readonly (string Sent, string Reply)[] s_standIns =
    [
        ("NOOP\r\n", "250 2.0.0 Ok\r\n"),
        ("NOOP x\r\n", "250 2.0.0 Ok\r\n"),
        ("RSET\r\n", "250 2.0.0 Ok\r\n"),
        ("RSET x\r\n", "501 5.5.4 Syntax: RSET\r\n"),
        ("HELO d.example\r\n", "250 mta.example\r\n"),
        ("HELO\r\n", "501 Syntax: HELO hostname\r\n"),
        ("EHLO\r\n", "501 Syntax: EHLO hostname\r\n"),
        ("EHLO d.example\r\n", SessionUnderTest.LearnedKeywords),
        ("VRFY x\r\n", "502 5.5.1 VRFY command is disabled\r\n"),
        ("EXPN x\r\n", "500 5.5.2 Error: command not recognized\r\n"),
        ("ETRN x\r\n", "500 5.5.2 Error: command not recognized\r\n"),
        ("AUTH PLAIN AGEAYg==\r\n", "503 5.5.1 Error: authentication not enabled\r\n"),
        ("RCPT TO:<b@x>\r\n", "503 5.5.1 Error: need MAIL command\r\n"),
        ("DATA\r\n", "503 5.5.1 Error: need RCPT command\r\n"),
        ("BDAT 5\r\nhello", "521 5.5.1 Error: command not implemented\r\n"),
        ("FOO\r\n", "500 5.5.2 Error: command not recognized\r\n"),
        ("\r\n", "500 5.5.2 Error: bad syntax\r\n"),
        ("QUIT\r\n", "221 2.0.0 Bye\r\n"),
    ];

    [TestCaseSource(nameof(s_standIns))]
    public async Task Command_ThatLeadsNowhere_IsAnsweredInTheMtasPlace((string Sent, string Reply) row)
    {
        for (var cut = 0; cut < row.Sent.Length; cut++)
        {
            await using var session = SessionUnderTest.LateIntroduced();
            session.ClientSends(row.Sent[..cut]);
            session.ClientSends(row.Sent[cut..]);

            Assert.That((session.ClientSees(), session.Dials), Is.EqualTo((row.Reply, 0)), $"cut at {cut}");
        }
    }

    [Test]
    public async Task Commands_InOneWrite_AreAnsweredInOrder()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends("NOOP\r\n");
        session.ClientSends("RSET\r\nRSET x\r\nQUIT\r\n");

        Assert.That(session.ClientSees(), Is.EqualTo("250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n501 5.5.4 Syntax: RSET\r\n221 2.0.0 Bye\r\n"));
        Assert.That((await session.Ended, session.Dials), Is.EqualTo((SessionEndReason.ClientQuit, 0)));
    }

    [Test]
    public async Task Mail_CutAnywhere_IsSaidBehindTheClientsHello()
    {
        for (var cut = 0; cut < Mail.Length; cut++)
        {
            await using var session = SessionUnderTest.LateIntroduced();
            session.ClientSends(Mail[..cut]);
            Assert.That(session.Dials, Is.Zero);
            session.ClientSends(Mail[cut..]);
            Assert.That((session.Dials, session.Hello, session.ClientSees()), Is.EqualTo((1, "EHLO c.example", "")));
            session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
            Assert.That(session.MtaSees(), Is.EqualTo(Mail));
            session.MtaSends(Ok);

            Assert.That(session.ClientSees(), Is.EqualTo(Ok));
        }
    }

    [Test]
    public async Task Group_WithMailFirst_FollowsItToTheMta()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail + "RCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n");
        Assert.That(session.MtaSees(), Is.Empty);
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
        Assert.That(session.MtaSees(), Is.EqualTo(Mail + "RCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n"));
        session.MtaSends(Ok + "250 1\r\n250 2\r\n354 go\r\n");
        session.ClientSends("x\r\n.\r\n");
        Assert.That(session.MtaSees(), Is.EqualTo("x\r\n.\r\n"));
        session.MtaSends("250 queued\r\n");

        Assert.That(session.ClientSees(), Is.EqualTo(Ok + "250 1\r\n250 2\r\n354 go\r\n250 queued\r\n"));
    }

    [Test]
    public async Task Group_MtaHasLostPipelining_GoesOneByOne()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail + "RCPT TO:<b@x>\r\nDATA\r\n");
        session.MtaGreets(Greeting, "250-mta.example\r\n250-SIZE 500\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n");
        Assert.That(session.MtaSees(), Is.EqualTo(Mail));
        session.MtaSends(Ok);
        Assert.That(session.MtaSees(), Is.EqualTo("RCPT TO:<b@x>\r\n"));
        session.MtaSends("250 1\r\n");

        Assert.That(session.MtaSees(), Is.EqualTo("DATA\r\n"));
    }

    [Test]
    [Property("Pool", "SEAM-17")]
    public async Task Mail_MtaLacksWhatWasPromised_EndsWithoutACount()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, "250-mta.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 ENHANCEDSTATUSCODES\r\n");

        Assert.That(session.ClientSees(), Is.EqualTo("421 4.3.0 mx Error: mail server unavailable\r\n"));
        Assert.That((session.MtaSees(), session.Context.Errors.Errors, await session.Ended), Is.EqualTo(("", 0, SessionEndReason.NoUpstream)));
        Assert.That(session.Log, Has.One.Contains("upstream 192.0.2.25:25 offers less than it did: 8BITMIME"));
        Assert.That(session.Memory.Recall()!.Offer.Offers("8BITMIME"), Is.False, "the next client is told the truth");
    }

    [Test]
    public async Task Mail_MtaRefusesTheSession_GetsItsWordsAndAllElseIsDenied()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.MtaGreets("554 5.7.1 no\r\n");
        Assert.That(session.ClientSees(), Is.EqualTo("554 5.7.1 no\r\n"));
        session.ClientSends("NOOP\r\n");
        Assert.That((session.ClientSees(), session.Context.Errors.Errors), Is.EqualTo(("503 5.7.0 Error: access denied for unknown[192.0.2.7]\r\n", 2)));
        session.ClientSends("QUIT\r\n");
        Assert.That(session.MtaSees(), Is.EqualTo("QUIT\r\n"));
        session.MtaSends("221 bye\r\n");

        Assert.That(session.ClientSees(), Is.EqualTo("221 bye\r\n"));
    }

    [Test]
    public async Task Mail_MtaRefusesTheHello_GetsItsWordsAndTheSessionIsTheMtas()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, "504 5.5.2 <c.example>: Helo command rejected\r\n");
        Assert.That((session.ClientSees(), session.MtaSees(), session.Context.Errors.Errors),
            Is.EqualTo(("504 5.5.2 <c.example>: Helo command rejected\r\n", "", 1)));
        session.ClientSends("EHLO d.example\r\n");
        Assert.That(session.MtaSees(), Is.EqualTo("EHLO d.example\r\n"));
        session.MtaSends(SessionUnderTest.LearnedKeywords);
        Assert.That(session.ClientSees(), Is.EqualTo(SessionUnderTest.LearnedKeywords));
        session.ClientSends(Mail);

        Assert.That((session.MtaSees(), session.Dials), Is.EqualTo((Mail, 1)));
    }

    [TestCase("500")]
    [TestCase("502")]
    public async Task Mail_MtaKnowsNoEhloAnyMore_EndsAndForgets(string code)
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.MtaGreets(Greeting, $"{code} what\r\n");

        Assert.That(session.ClientSees(), Is.EqualTo("421 4.3.0 mx Error: mail server unavailable\r\n"));
        Assert.That((await session.Ended, session.Memory.Recall()), Is.EqualTo((SessionEndReason.NoUpstream, (object?)null)));
    }

    [TestCase("421 busy\r\n", null)]
    [TestCase(Greeting, "421 busy\r\n")]
    public async Task Mail_MtaIsBusy_GetsItsWordsAndNoError(string greeting, string? helloReply)
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.MtaGreets(greeting, helloReply);

        Assert.That((session.ClientSees(), session.Context.Errors.Errors, await session.Ended),
            Is.EqualTo(("421 busy\r\n", 0, SessionEndReason.UpstreamEnded)));
    }

    [TestCase(true, "421 4.3.2 mx Error: mail server busy\r\n")]
    [TestCase(false, "421 4.3.0 mx Error: mail server unavailable\r\n")]
    public async Task Mail_NoMta_EndsWithoutACount(bool isSilent, string reply)
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.NoMtaAnswers(isSilent);

        Assert.That((session.ClientSees(), session.Context.Errors.Errors, await session.Ended), Is.EqualTo((reply, 0, SessionEndReason.NoUpstream)));
    }

    [Test]
    public async Task Mail_WithoutHello_InventsNone()
    {
        await using var session = SessionUnderTest.Late();
        session.ClientSends(Mail);
        Assert.That((session.Dials, session.Hello), Is.EqualTo((1, (string?)null)));
        session.MtaGreets(Greeting);

        Assert.That(session.MtaSees(), Is.EqualTo(Mail));
    }

    [Test]
    public async Task Mail_BehindSeveralHellos_SaysTheLastAcceptedOne()
    {
        await using var session = SessionUnderTest.Late();
        foreach (var line in new[] { "EHLO a\r\n", "helo  b \r\n", "EHLO\r\n", Mail })
            session.ClientSends(line);

        Assert.That(session.Hello, Is.EqualTo("helo  b "));
    }

    [Test]
    public async Task Client_ResetsWhileItWaits_IsGoneAndTheMtaIsToldQuit()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.ClientBreaks();
        Assert.That((await session.Ended, session.After), Is.EqualTo((SessionEndReason.ClientLost, "MAIL")));
        await session.DisposeLoopAsync();
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);

        Assert.That(await session.NextToMtaAsync(), Is.EqualTo("QUIT\r\n"));
    }

    [Test]
    public async Task Client_EndsItsSideWhileItWaits_IsAnsweredToTheEnd()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail + "QUIT\r\n");
        session.ClientEnds();
        session.MtaGreets(Greeting, SessionUnderTest.LearnedKeywords);
        session.MtaSends(Ok + "221 bye\r\n");

        Assert.That((session.ClientSees(), await session.Ended), Is.EqualTo((Ok + "221 bye\r\n", SessionEndReason.ClientQuit)));
    }

    [Test]
    [Property("Pool", "SEAM-28")]
    public async Task Drain_WhileItWaits_EndsAtOnce()
    {
        await using var session = SessionUnderTest.LateIntroduced();
        session.ClientSends(Mail);
        session.Drain();

        Assert.That(await session.Ended, Is.EqualTo(SessionEndReason.Shutdown));
        Assert.That(session.ClientSees(), Is.EqualTo("421 4.3.2 mx Service not available, closing transmission channel\r\n"));
    }

    [Test]
    public async Task Errors_InTheMtasPlace_CountAndEndTheSession()
    {
        await using var session = SessionUnderTest.LateIntroduced(new()
        {
            Smtpd = new() { MyHostname = "mx" },
            Limits = new() { SoftErrorLimit = 10, HardErrorLimit = 20, ErrorSleepTime = TimeSpan.FromSeconds(1) },
        });
        for (var i = 0; i < 20; i++)
            session.ClientSends("FOO\r\n");
        var atOnce = session.ClientSees();
        for (var i = 0; i < 11; i++)
            session.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.That(atOnce, Is.EqualTo(string.Concat(Enumerable.Repeat("500 5.5.2 Error: command not recognized\r\n", 10))));
        Assert.That(session.ClientSees(), Does.EndWith("recognized\r\n421 4.7.0 mx Error: too many errors\r\n"));
        Assert.That((await session.Ended, session.Dials), Is.EqualTo((SessionEndReason.TooManyErrors, 0)));
    }
}
