using SmtpShield.Observe;
using SmtpShield.Session;

namespace SmtpShield.Tests.Session;

/// <summary>A session until its client is greeted: the dial is one more thing the loop waits for.</summary>
public class GreetingTests
{
    [Test]
    public async Task Dial_UnderWay_TheClientHearsNothing()
    {
        await using var session = SessionUnderTest.Dialing();

        Assert.That((session.ClientSees(), session.Ended.IsCompleted), Is.EqualTo(("", false)));
        session.MtaGreets("220-mta\r\n220 ready\r\n");
        Assert.That(session.ClientSees(), Is.EqualTo("220-mta\r\n220 ready\r\n"));
    }

    [TestCase(false, "421 4.3.0 mx Error: mail server unavailable\r\n")]
    [TestCase(true, "421 4.3.2 mx Error: mail server busy\r\n")]
    public async Task Dial_NoMta_IsToldAndLogged(bool isSilent, string expected)
    {
        await using var session = SessionUnderTest.Dialing();
        session.NoMtaAnswers(isSilent);

        Assert.That((session.ClientSees(), await session.Ended), Is.EqualTo((expected, SessionEndReason.NoUpstream)));
        Assert.That(session.Log, Is.EqualTo(new[] { "connect to upstream 192.0.2.25:25: Connection refused (for unknown[192.0.2.7])" }));
    }

    [Test]
    public async Task Client_TalksWhileItIsDialed_IsRefused()
    {
        await using var session = SessionUnderTest.Dialing();
        session.ClientSends("EHLO client\r\n");
        session.MtaGreets("220 mta\r\n");

        Assert.That((session.ClientSees(), await session.Ended, session.MtaSees()),
            Is.EqualTo(("554 5.5.0 Error: SMTP protocol synchronization\r\n", SessionEndReason.TalkedFirst, "QUIT\r\n")));
        Assert.That(session.Log, Is.EqualTo(new[] { "improper command pipelining after CONNECT from unknown[192.0.2.7]: EHLO client\\r\\n" }));
    }

    [Test]
    public async Task Client_TalksWhileItIsDialedAndMay_IsLoggedAndServed()
    {
        await using var session = SessionUnderTest.Dialing(new() { Smtpd = new() { MyHostname = "mx", ForbidUnauthPipelining = false } });
        session.ClientSends("EHLO client\r\n");
        session.MtaGreets("220 mta\r\n");
        session.MtaSends("250 mta\r\n");

        Assert.That((session.ClientSees(), session.MtaSees(), session.Log.Count), Is.EqualTo(("220 mta\r\n250 mta\r\n", "EHLO client\r\n", 1)));
    }

    [Test]
    public async Task Client_GoesWhileItIsDialed_TheDialHasFiveSecondsLeft()
    {
        await using var session = SessionUnderTest.Dialing();
        session.ClientBreaks();
        session.Time.Advance(Greeting.BetweenLooks);
        session.Time.Advance(MtaDial.LongestFarewell - TimeSpan.FromMilliseconds(1));
        var before = (session.IsDialGivenUp, session.Ended.IsCompleted);

        session.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That((before, session.IsDialGivenUp, await session.Ended, session.After),
            Is.EqualTo(((false, false), true, SessionEndReason.ClientLost, "CONNECT")));
    }

    [Test]
    public async Task Client_GoesAndTheMtaGreets_IsOverAtOnce()
    {
        await using var session = SessionUnderTest.Dialing();
        session.ClientBreaks();
        session.MtaGreets("220 mta\r\n");

        Assert.That((session.IsDialGivenUp, await session.Ended), Is.EqualTo((false, SessionEndReason.ClientLost)));
    }

    [Test]
    public async Task Stop_WhileItIsDialed_WaitsForTheDrainTimeoutOnly()
    {
        await using var session = SessionUnderTest.Dialing(
            new() { Smtpd = new() { MyHostname = "mx" }, Listener = new() { DrainTimeout = TimeSpan.FromSeconds(20) } });
        session.Drain();
        var ended = session.WhenDialIsGivenUp;
        session.Time.Advance(TimeSpan.FromSeconds(20));
        await ended;

        Assert.That((await session.Ended, session.ClientSees()),
            Is.EqualTo((SessionEndReason.Shutdown, "421 4.3.2 mx Service not available, closing transmission channel\r\n")));
    }

    [TestCase("554 5.7.1 no\r\n", "NOOP\r\n", "503 5.7.0 Error: access denied for unknown[192.0.2.7]\r\n", "")]
    [TestCase("554 5.7.1 no\r\n", "QUIT\r\n", "", "QUIT\r\n")]
    public async Task Mta_GreetsWithARefusal_OnlyQuitReachesIt(string greeting, string command, string reply, string forwarded)
    {
        await using var session = SessionUnderTest.Dialing();
        session.MtaGreets(greeting);
        var greeted = session.ClientSees();
        session.ClientSends(command);

        Assert.That((greeted, session.ClientSees(), session.MtaSees()), Is.EqualTo((greeting, reply, forwarded)));
    }
}
