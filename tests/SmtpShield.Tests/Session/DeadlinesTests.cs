using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Session;

/// <summary>What a session waits for, one by one, with real octets and a clock that stands still.</summary>
public class DeadlinesTests
{
    private static readonly ShieldOptions s_options = new()
    {
        Smtpd = new() { MyHostname = "mx", Timeout = TimeSpan.FromSeconds(100), RequestDeadline = TimeSpan.FromSeconds(40),
            SessionTimeLimit = TimeSpan.Zero, MinDataRate = 10 },
        Upstream = new() { ReplyTimeout = TimeSpan.FromSeconds(20), DataDoneTimeout = TimeSpan.FromSeconds(600) },
    };

    [Test]
    public void Rows_All_AreInTheTableOfTheDocumentation()
    {
        var page = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "architecture.md"));
        var table = page.SkipWhile(line => !line.StartsWith("| In a session, waiting for |", StringComparison.Ordinal)).Skip(2)
            .TakeWhile(line => line.StartsWith('|'));

        Assert.That(Deadlines.Rows.Select(row => row.Name), Is.EqualTo(table.Select(line => line.Split('|')[1].Trim())).AsCollection);
    }

    [Test]
    public async Task Client_SendsNothing_IsTold()
    {
        await using var session = SessionUnderTest.Greeted(s_options);
        session.Time.Advance(TimeSpan.FromSeconds(99.9));
        session.ClientSends("NO");
        session.Time.Advance(TimeSpan.FromSeconds(39.9));
        var before = session.ClientSees();

        session.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((before, session.ClientSees(), await session.Ended, session.After),
            Is.EqualTo(("", "421 4.4.2 mx Error: timeout exceeded\r\n", SessionEndReason.ClientTimeout, "CONNECT")));
    }

    [Test]
    public async Task Client_SendsNothingBehindAReply_HasItsTimeFromThere()
    {
        await using var session = SessionUnderTest.Introduced(s_options);
        session.Time.Advance(TimeSpan.FromSeconds(90));
        session.ClientSends("NOOP\r\n");
        session.MtaSends("250 ok\r\n");
        session.Time.Advance(TimeSpan.FromSeconds(99.9));
        var before = session.ClientSees();

        session.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((before, session.ClientSees(), await session.Ended, session.After),
            Is.EqualTo(("250 ok\r\n", "421 4.4.2 mx Error: timeout exceeded\r\n", SessionEndReason.ClientTimeout, "NOOP")));
    }

    [TestCase(9, null)]
    [TestCase(11, nameof(SessionEndReason.ClientTimeout))]
    public async Task Content_SlowerThanTheRate_EndsTheSession(int pause, string? expected)
    {
        await using var session = SessionUnderTest.Introduced(s_options);
        BeginContent(session);

        // 180 seconds at first, and ten seconds for a hundred octets.
        for (var line = 0; line < 200; line++)
        {
            session.Time.Advance(TimeSpan.FromSeconds(pause));
            session.ClientSends(new string('x', 98) + "\r\n");
        }

        Assert.That(session.Ended.IsCompleted ? (await session.Ended).ToString() : null, Is.EqualTo(expected));
    }

    [Test]
    public async Task Content_Nothing_EndsTheSessionAfterTheTimeout()
    {
        await using var session = SessionUnderTest.Introduced(s_options);
        BeginContent(session);
        session.Time.Advance(TimeSpan.FromSeconds(99.9));
        var before = session.Ended.IsCompleted;

        session.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((before, session.ClientSees(), await session.Ended, session.After),
            Is.EqualTo((false, "421 4.4.2 mx Error: timeout exceeded\r\n", SessionEndReason.ClientTimeout, "DATA (0 bytes)")));
    }

    [Test]
    public async Task Mta_OwesAReply_EndsTheSession()
    {
        await using var session = SessionUnderTest.Introduced(s_options);
        session.ClientSends("NOOP\r\n");
        session.Time.Advance(TimeSpan.FromSeconds(19.9));
        var before = session.ClientSees();

        session.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((before, session.ClientSees(), await session.Ended),
            Is.EqualTo(("", "421 4.3.0 mx Error: mail server unavailable\r\n", SessionEndReason.UpstreamTimeout)));
    }

    [Test]
    public async Task Mta_OwesTheReplyToAMessage_HasMoreTime()
    {
        await using var session = SessionUnderTest.Introduced(s_options);
        BeginContent(session);
        session.ClientSends("x\r\n.\r\n");
        session.Time.Advance(TimeSpan.FromSeconds(599.9));
        var before = session.ClientSees();

        session.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((before, session.ClientSees(), await session.Ended, session.After),
            Is.EqualTo(("", "421 4.3.0 mx Error: mail server unavailable\r\n", SessionEndReason.UpstreamTimeout, "END-OF-MESSAGE")));
    }

    [Test]
    public async Task Client_IsGoneAndTheMtaOwesReplies_TheyAreWaitedForALittle()
    {
        await using var session = SessionUnderTest.Introduced(s_options);
        session.ClientSends("NOOP\r\n");
        session.ClientBreaks();
        session.Time.Advance(TimeSpan.FromSeconds(19.9));
        var before = session.Ended.IsCompleted;

        session.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((before, await session.Ended, session.After), Is.EqualTo((false, SessionEndReason.ClientLost, "NOOP")));
    }

    [Test]
    public async Task Reply_AboveTheSoftLimit_IsDelayed()
    {
        await using var session = SessionUnderTest.Introduced(
            s_options with { Limits = new() { SoftErrorLimit = 1, ErrorSleepTime = TimeSpan.FromSeconds(1) } });
        session.ClientSends("FOO\r\n");
        session.MtaSends("500 what\r\n");
        var first = session.ClientSees();
        session.ClientSends("NOOP\r\n");
        session.MtaSends("250 ok\r\n");
        session.Time.Advance(TimeSpan.FromSeconds(0.9));
        var before = session.ClientSees();

        session.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((first, before, session.ClientSees()), Is.EqualTo(("500 what\r\n", "", "250 ok\r\n")));
    }

    [Test]
    public async Task Session_OlderThanItsLimit_EndsBetweenCommands()
    {
        await using var session = SessionUnderTest.Introduced(s_options with { Smtpd = s_options.Smtpd with { SessionTimeLimit = TimeSpan.FromSeconds(150) } });
        BeginContent(session);
        session.Time.Advance(TimeSpan.FromSeconds(80));
        session.ClientSends("x\r\n");
        session.Time.Advance(TimeSpan.FromSeconds(80));
        session.ClientSends("y\r\n.\r\n");
        var inContent = session.Ended.IsCompleted;
        session.MtaSends("250 queued\r\n");

        Assert.That((inContent, session.ClientSees(), await session.Ended),
            Is.EqualTo((false, "250 queued\r\n421 4.4.2 mx Error: timeout exceeded\r\n", SessionEndReason.ClientTimeout)));
    }

    [Test]
    public async Task Tunnel_ClientDoesNotBegin_IsClosed()
    {
        var options = s_options with { Tls = new() { HandshakeTimeout = TimeSpan.FromSeconds(30) } };
        await using var session = SessionUnderTest.Introduced(options, TlsMode.Passthrough, "250-mta\r\n250 STARTTLS\r\n");
        session.ClientSends("STARTTLS\r\n");
        session.MtaSends("220 go\r\n");
        session.Time.Advance(TimeSpan.FromSeconds(29.9));
        var before = (session.Ended.IsCompleted, session.ClientSees());

        session.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((before, session.ClientSees(), await session.Ended), Is.EqualTo(((false, "220 go\r\n"), "", SessionEndReason.ClientTimeout)));
    }

    [Test]
    public async Task Tunnel_NobodySpeaks_IsClosed()
    {
        await using var session = SessionUnderTest.Introduced(s_options, TlsMode.Passthrough, "250-mta\r\n250 STARTTLS\r\n");
        session.ClientSends("STARTTLS\r\n");
        session.MtaSends("220 go\r\n");
        session.ClientSends("\x16\x03");
        session.Time.Advance(TimeSpan.FromSeconds(90));
        session.MtaSends("\x16\x03");
        session.Time.Advance(TimeSpan.FromSeconds(99.9));
        var before = (session.Ended.IsCompleted, session.ClientSees(), session.MtaSees());

        session.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((before, await session.Ended), Is.EqualTo(((false, "220 go\r\n\x16\x03", "STARTTLS\r\n\x16\x03"), SessionEndReason.ClientTimeout)));
    }

    [Test]
    public async Task RefusedContent_NoRealEndComes_IsAnsweredAfterFiveSeconds()
    {
        await using var session = SessionUnderTest.Introduced(s_options);
        BeginContent(session);
        session.ClientSends("x\n.\r\nMAIL FROM:<evil@example>\r\n");
        session.Time.Advance(TimeSpan.FromSeconds(4.9));
        var before = (session.Ended.IsCompleted, session.ClientSees());

        session.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((before, session.ClientSees()[..10], await session.Ended, session.MtaSees()),
            Is.EqualTo(((false, ""), "521 5.5.2 ", SessionEndReason.ClientRefused, "x")));
    }

    private static void BeginContent(SessionUnderTest session)
    {
        session.ClientSends("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
        session.MtaSends("250 ok\r\n250 ok\r\n354 go\r\n");
        Assert.That(session.ClientSees(), Does.EndWith("354 go\r\n"));
        Assert.That(session.MtaSees(), Does.EndWith("DATA\r\n"));
    }
}
