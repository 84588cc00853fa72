using SmtpShield.FunctionalTests.Session;
using SmtpShield.Mta.Reuse;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Mta;

/// <summary>Sessions with the MTA that go on with another client, and those that must not.</summary>
[CancelAfter(60_000)]
internal sealed class ReuseTests : RelayFixture
{
    private const string Keywords = "250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    protected override bool HasFakeTime => true;

    protected override ShieldOptions Configure(ShieldOptions options) => options with
    {
        Upstream = options.Upstream with
        {
            Reuse = true, Connect = UpstreamConnect.Mail, SessionLimit = 20, SessionReserve = 0, SlowStart = TimeSpan.Zero, ProbeInterval = TimeSpan.Zero,
        },
    };

    [TearDown]
    public void KeepNone() => Shield.Upstreams.KeepNone();

    [Test, Property("Pool", "REUSE-1")]
    public async Task Client_BehindAMessageOfAnother_GetsItsSessionByItsOwnHello(CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        var client = await IntroducedAsync("EHLO d.example", cancellationToken);
        var replies = client.CommandAsync("MAIL FROM:<b@x>", cancellationToken);

        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("EHLO d.example"));
        await first.SendAsync(Keywords, cancellationToken);
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<b@x>"));
        await first.SendAsync("250 2.1.0 Ok\r\n", cancellationToken);
        Assert.That(await replies, Is.EqualTo("250 2.1.0 Ok"));
        Assert.That((Mta.HasWaiting, first.Received.Contains("RSET", StringComparison.Ordinal)), Is.EqualTo((false, false)));
    }

    [Test, Property("Pool", "REUSE-1")]
    public async Task Client_SameHello_IsNotSaidAgainAndMailGoesAlone(CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        var client = await IntroducedAsync("EHLO c.example", cancellationToken);
        await client.SendAsync("MAIL FROM:<b@x>\r\nRCPT TO:<c@x>\r\n", cancellationToken);

        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<b@x>"));
        await first.SendAsync("250 2.1.0 Ok\r\n", cancellationToken);
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("RCPT TO:<c@x>"));
        await first.SendAsync("250 2.1.5 Ok\r\n", cancellationToken);

        Assert.That((await client.ReplyAsync(cancellationToken), await client.ReplyAsync(cancellationToken)), Is.EqualTo(("250 2.1.0 Ok", "250 2.1.5 Ok")));
    }

    [Test, Property("Pool", "REUSE-2")]
    public async Task Client_WithoutHello_IsDialedForAndNobodysHelloIsSaid(CancellationToken cancellationToken)
    {
        await KeptAsync(cancellationToken);
        var client = Keep(await Shield.ConnectAsync(cancellationToken));
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx ESMTP"));
        await client.SendAsync("MAIL FROM:<b@x>\r\n", cancellationToken);

        var second = await AcceptAsync(cancellationToken);
        Assert.That(await second.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<b@x>"));
    }

    [Test, Property("Pool", "REUSE-3")]
    public async Task Client_GoneWithoutQuit_LeavesItsSessionToo(CancellationToken cancellationToken)
    {
        var (client, first) = await BeginAsync("EHLO c.example", cancellationToken);
        await MessageAsync(client, first, "text\r\n", cancellationToken);
        client.EndSending();
        await UntilKeptAsync(1, cancellationToken);

        Assert.That(first.Received, Does.Not.Contain("QUIT"));
    }

    // What the first client does behind MAIL, and what the MTA says to it; the session is ended, and the next client gets another one.
    private static readonly TestCaseData[] s_tainting =
    [
        new TestCaseData("RCPT TO:<b@x>", "550 5.1.1 no\r\n").SetArgDisplayNames("a refused recipient"),
        new TestCaseData("RCPT TO:<b@x>", "450 4.2.0 later\r\n").SetArgDisplayNames("a recipient for later"),
        new TestCaseData("VRFY b", "252 2.0.0 b\r\n").SetArgDisplayNames("VRFY"),
        new TestCaseData("FOO", "250 2.0.0 Ok\r\n").SetArgDisplayNames("an unknown verb"),
        new TestCaseData("EXPN b", "250 2.0.0 b\r\n").SetArgDisplayNames("EXPN"),
        new TestCaseData("HELP", "214 2.0.0 help\r\n").SetArgDisplayNames("HELP"),
        new TestCaseData("AUTH PLAIN AGEAYg==", "235 2.7.0 Ok\r\n").SetArgDisplayNames("AUTH"),
        new TestCaseData("AUTH PLAIN AGEAYg==", "535 5.7.8 no\r\n").SetArgDisplayNames("a refused AUTH"),
        new TestCaseData("EHLO other.example", Keywords).SetArgDisplayNames("another EHLO"),
    ];

    [TestCaseSource(nameof(s_tainting)), Property("Pool", "REUSE-3")]
    public async Task Session_MtaWasToldOrSaidAnythingElse_HasNoOtherClient(string line, string reply, CancellationToken cancellationToken)
    {
        var (client, first) = await BeginAsync("EHLO c.example", cancellationToken);
        await ExchangeAsync(client, first, line, reply, cancellationToken);
        if (line.StartsWith("EHLO", StringComparison.Ordinal))
            await ExchangeAsync(client, first, "MAIL FROM:<a@x>", "250 2.1.0 Ok\r\n", cancellationToken);
        await MessageAsync(client, first, "text\r\n", cancellationToken);

        await LeftWithQuitAsync(client, first, cancellationToken);
    }

    [TestCase("NOOP"), TestCase("RSET"), TestCase("MAIL FROM:<b@x>"), Property("Pool", "REUSE-3")]
    public async Task Session_AnythingCameBehindTheMessage_HasNoOtherClient(string line, CancellationToken cancellationToken)
    {
        var (client, first) = await BeginAsync("EHLO c.example", cancellationToken);
        await MessageAsync(client, first, "text\r\n", cancellationToken);
        await ExchangeAsync(client, first, line, "250 2.0.0 Ok\r\n", cancellationToken);

        await LeftWithQuitAsync(client, first, cancellationToken);
    }

    [TestCase("a\nb\r\n"), TestCase("a\rb\r\n"), TestCase("a\0b\r\n"), Property("Pool", "REUSE-3")]
    public async Task Session_ContentThatParsersDispute_HasNoOtherClient(string content, CancellationToken cancellationToken)
    {
        var (client, first) = await BeginAsync("EHLO c.example", cancellationToken);
        await MessageAsync(client, first, content, cancellationToken);

        await LeftWithQuitAsync(client, first, cancellationToken);
    }

    [Test, Property("Pool", "REUSE-3")]
    public async Task Session_MessageByBdat_HasNoOtherClient(CancellationToken cancellationToken)
    {
        var (client, first) = await BeginAsync("EHLO c.example", cancellationToken);
        await ExchangeAsync(client, first, "RCPT TO:<b@x>", "250 2.1.5 Ok\r\n", cancellationToken);
        await client.SendAsync("BDAT 2 LAST\r\nx\n", cancellationToken);
        await first.ReadThroughAsync("BDAT 2 LAST\r\nx\n", cancellationToken);
        await first.SendAsync("250 2.0.0 taken\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 2.0.0 taken"));

        await LeftWithQuitAsync(client, first, cancellationToken);
    }

    [Test, Property("Pool", "REUSE-3")]
    public async Task Session_ClientGoneInItsTransaction_HasNoOtherClient(CancellationToken cancellationToken)
    {
        var (client, first) = await BeginAsync("EHLO c.example", cancellationToken);
        client.EndSending();
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));

        await AnotherOneAsync(cancellationToken);
    }

    [Test, Property("Pool", "REUSE-3"), Property("Pool", "SEAM-41")]
    public async Task Session_AReplyTooMany_HasNoOtherClient(CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        await first.SendAsync("250 2.1.0 Ok\r\n", cancellationToken);

        await AnotherOneAsync(cancellationToken);
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
    }

    [TestCase("closes"), TestCase("resets"), TestCase("says 421"), Property("Pool", "REUSE-4")]
    public async Task Session_MtaHasLeftIt_IsDroppedWithoutAWord(string how, CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        await LeaveAsync(first, how, cancellationToken);

        await AnotherOneAsync(cancellationToken);
    }

    [TestCase("closes"), TestCase("resets"), TestCase("says 421"), TestCase("says nothing"), TestCase("says 250 of another name"), TestCase("says 504")]
    [TestCase("says two replies")]
    [Property("Pool", "REUSE-4"), Property("Pool", "SEAM-34")]
    public async Task Session_MtaLeavesItBehindHello_IsDroppedWithoutAWord(string how, CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        var client = await IntroducedAsync("EHLO d.example", cancellationToken);
        await client.SendAsync("MAIL FROM:<b@x>\r\n", cancellationToken);
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("EHLO d.example"));
        await LeaveAsync(first, how, cancellationToken);
        if (how == "says nothing")
            Time!.Advance(TimeSpan.FromSeconds(5));

        await ServedByAnotherOneAsync(client, "EHLO d.example", cancellationToken);
        Assert.That(first.Received, Does.Not.Contain("MAIL FROM:<b@x>"));
    }

    [TestCase("closes"), TestCase("resets"), TestCase("says 421"), Property("Pool", "REUSE-4")]
    public async Task Session_MtaLeavesItBehindTheFirstMail_MailIsSaidToAnotherOne(string how, CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        var client = await IntroducedAsync("EHLO c.example", cancellationToken);
        await client.SendAsync("MAIL FROM:<b@x>\r\nRCPT TO:<c@x>\r\n", cancellationToken);
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<b@x>"));
        await LeaveAsync(first, how, cancellationToken);

        await ServedByAnotherOneAsync(client, "EHLO c.example", cancellationToken, recipient: "RCPT TO:<c@x>");
        Assert.That(first.Received, Does.Not.Contain("RCPT TO:<c@x>"));
        Assert.That(Shield.Log.Lines, Has.None.Contains("lost connection"));
    }

    [Test, Property("Pool", "REUSE-4")]
    public async Task Session_MtaRefusesTheFirstMail_IsItsWord(CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        var client = await IntroducedAsync("EHLO c.example", cancellationToken);
        var reply = client.CommandAsync("MAIL FROM:<b@x>", cancellationToken);
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<b@x>"));
        await first.SendAsync("552 5.3.4 too much\r\n", cancellationToken);

        Assert.That(await reply, Is.EqualTo("552 5.3.4 too much"));
        await ExchangeAsync(client, first, "NOOP", "250 2.0.0 Ok\r\n", cancellationToken);
    }

    [Test, Property("Pool", "P7")]
    public async Task Client_GoneBehindTheFirstMail_TheMtaIsLeftWithQuit(CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        var client = await IntroducedAsync("EHLO c.example", cancellationToken);
        await client.SendAsync("MAIL FROM:<b@x>\r\n", cancellationToken);
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<b@x>"));
        await client.VanishAsync(reset: true);
        await first.SendAsync("250 2.1.0 Ok\r\n", cancellationToken);

        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
    }

    [Test, Property("Pool", "REUSE-5")]
    public async Task Session_MtaDiesBehindRecipients_NothingIsSaidAgain(CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        var client = await IntroducedAsync("EHLO c.example", cancellationToken);
        await ExchangeAsync(client, first, "MAIL FROM:<b@x>", "250 2.1.0 Ok\r\n", cancellationToken);
        await ExchangeAsync(client, first, "RCPT TO:<b@x>", "250 2.1.5 Ok\r\n", cancellationToken);
        await client.SendAsync("DATA\r\n", cancellationToken);
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("DATA"));
        first.Close();

        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("421 4.3.0 "));
        Assert.That(Mta.HasWaiting, Is.False);
    }

    [Test, Property("Pool", "REUSE-9")]
    public async Task Session_NobodyNeedsItForFiveSeconds_IsEnded(CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        Time!.Advance(KeptSessions.Idle - TimeSpan.FromMilliseconds(100));
        Assert.That(Kept, Is.EqualTo(1));
        Time.Advance(TimeSpan.FromMilliseconds(200));

        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
        Assert.That(Kept, Is.Zero);
    }

    [Test, Property("Pool", "REUSE-9")]
    public async Task Session_ThirtySecondsOld_IsEndedAtItsNextEndAndNotBefore(CancellationToken cancellationToken)
    {
        var (client, first) = await BeginAsync("EHLO c.example", cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(31));
        await MessageAsync(client, first, "text\r\n", cancellationToken);

        await LeftWithQuitAsync(client, first, cancellationToken);
    }

    [Test, Property("Pool", "REUSE-9")]
    public async Task Session_FiftiethMessage_IsItsLast(CancellationToken cancellationToken)
    {
        var (client, first) = await BeginAsync("EHLO c.example", cancellationToken);
        for (var i = 1; i < ReuseCareer.MostMessages; i++)
        {
            await MessageAsync(client, first, "text\r\n", cancellationToken);
            await client.SendAsync("QUIT\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("221 2.0.0 Bye"));
            client = await IntroducedAsync("EHLO c.example", cancellationToken);
            await ExchangeAsync(client, first, "MAIL FROM:<a@x>", "250 2.1.0 Ok\r\n", cancellationToken);
        }

        await MessageAsync(client, first, "text\r\n", cancellationToken);
        await LeftWithQuitAsync(client, first, cancellationToken);
    }

    [Test, Property("Pool", "REUSE-11"), Property("Pool", "SEAM-30")]
    public async Task Reload_EndsWhatIsKeptAndWhatOldClientsLeave(CancellationToken cancellationToken)
    {
        var (old, theirs) = await BeginAsync("EHLO c.example", cancellationToken);
        var first = await KeptAsync(cancellationToken);
        Reconfigure(static options => options with { Upstream = options.Upstream with { GreetingTimeout = TimeSpan.FromSeconds(29) } });
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
        await MessageAsync(old, theirs, "text\r\n", cancellationToken);

        await LeftWithQuitAsync(old, theirs, cancellationToken);
    }

    [Test, Property("Pool", "SEAM-42"), Property("Pool", "POOL-7")]
    public async Task Drain_EndsWhatIsKept(CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        Shield.Maintenance.Drain($"{Mta.EndPoint}", "x");

        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
    }

    [Test, Property("Pool", "SEAM-28")]
    public async Task Shutdown_EndsWhatIsKept(CancellationToken cancellationToken)
    {
        var first = await KeptAsync(cancellationToken);
        await Shield.StopAsync(cancellationToken);

        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
    }

    [Test, Property("Pool", "P1")]
    public async Task Kept_IsInTheWayOfAClientThatCantUseIt_IsGivenUp(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Upstream = options.Upstream with { SessionLimit = 1 } });
        var first = await KeptAsync(cancellationToken);
        var client = Keep(await Shield.ConnectAsync(cancellationToken));
        await client.ReplyAsync(cancellationToken);
        await client.SendAsync("MAIL FROM:<b@x>\r\n", cancellationToken);
        Assert.That(await first.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
        Assert.That(Mta.HasWaiting, Is.False, "one session at a time");
        first.Close();

        var second = await AcceptAsync(cancellationToken);
        Assert.That(await second.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<b@x>"));
    }

    [Test]
    public async Task Message_Accepted_IsLoggedWithItsClientAndTheMtasWords(CancellationToken cancellationToken)
    {
        await KeptAsync(cancellationToken);

        Assert.That(Shield.Log.Lines, Has.One.EqualTo("NOQUEUE: proxy-accept: END-OF-MESSAGE from unknown[127.0.0.1]: 250 2.0.0 taken; "
            + "from=<a@x> to=<b@x> proto=ESMTP helo=<c.example>"));
    }

    [Test]
    public async Task Off_QuitIsTheMtas(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Upstream = options.Upstream with { Reuse = false } });
        var (client, first) = await BeginAsync("EHLO c.example", cancellationToken);
        await MessageAsync(client, first, "text\r\n", cancellationToken);
        await ExchangeAsync(client, first, "QUIT", "221 theirs\r\n", cancellationToken);

        Assert.That(Shield.Log.Lines, Has.None.Contains("proxy-accept"));
    }

    private int Kept => Shield.Maintenance.Pictures().Single().Kept;

    private Task UntilKeptAsync(int count, CancellationToken cancellationToken) =>
        Eventually.HoldsAsync(() => Kept == count, s_patience, "it is kept", cancellationToken);

    private async Task<MtaConnection> AcceptAsync(CancellationToken cancellationToken)
    {
        var mta = await Mta.AcceptAsync(cancellationToken);
        await mta.SendAsync("220 mx ESMTP\r\n", cancellationToken);
        return mta;
    }

    private static async Task LeaveAsync(MtaConnection mta, string how, CancellationToken cancellationToken)
    {
        if (how is "closes" or "resets")
            mta.Close(reset: how == "resets");
        else
            await mta.SendAsync(how switch
            {
                "says 421" => "421 4.4.2 timeout\r\n",
                "says 504" => "504 5.5.2 no\r\n",
                "says 250 of another name" => Keywords.Replace("-mx", "-my", StringComparison.Ordinal),
                "says two replies" => Keywords + "250 2.1.0 Ok\r\n",
                _ => "",
            }, cancellationToken);
    }

    // The client is greeted, has said HELO, and was answered in the MTA's place.
    private async Task<RawSmtpClient> IntroducedAsync(string hello, CancellationToken cancellationToken)
    {
        var client = Keep(await Shield.ConnectAsync(cancellationToken));
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx ESMTP"));
        Assert.That(await client.CommandAsync(hello, cancellationToken), Does.StartWith("250"));
        return client;
    }

    // Behind MAIL. The first client of all teaches what can be said in the MTA's place.
    private async Task<(RawSmtpClient Client, MtaConnection Mta)> BeginAsync(string hello, CancellationToken cancellationToken)
    {
        if (!Shield.Log.Lines.Any(static line => line.StartsWith("disconnect from", StringComparison.Ordinal)))
            await TeachAsync(cancellationToken);
        var client = await IntroducedAsync(hello, cancellationToken);
        var reply = client.CommandAsync("MAIL FROM:<a@x>", cancellationToken);
        var mta = await AcceptAsync(cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(hello));
        await mta.SendAsync(Keywords, cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<a@x>"));
        await mta.SendAsync("250 2.1.0 Ok\r\n", cancellationToken);
        Assert.That(await reply, Is.EqualTo("250 2.1.0 Ok"));
        return (client, mta);
    }

    private async Task TeachAsync(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO teacher", Keywords, cancellationToken);
        await ExchangeAsync(client, mta, "QUIT", "221 bye\r\n", cancellationToken);
        mta.Close();
        await client.DisposeAsync();
        await Eventually.HoldsAsync(() => Shield.Log.Lines.Any(static line => line.StartsWith("disconnect from", StringComparison.Ordinal)), s_patience,
            "it has gone", cancellationToken);
    }

    private static new async Task ExchangeAsync(RawSmtpClient client, MtaConnection mta, string line, string reply, CancellationToken cancellationToken)
    {
        await client.SendAsync(line + "\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(line));
        await mta.SendAsync(reply, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.Not.Empty);
    }

    // Inside a transaction.
    private static async Task MessageAsync(RawSmtpClient client, MtaConnection mta, string content, CancellationToken cancellationToken)
    {
        if (!mta.Received.EndsWith("MAIL FROM:<a@x>\r\n", StringComparison.Ordinal) && mta.Received.EndsWith("\r\n.\r\n", StringComparison.Ordinal))
            await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 2.1.0 Ok\r\n", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@x>", "250 2.1.5 Ok\r\n", cancellationToken);
        await ExchangeAsync(client, mta, "DATA", "354 go\r\n", cancellationToken);
        await client.SendAsync(content + ".\r\n", cancellationToken);
        await mta.ReadThroughAsync(content + ".\r\n", cancellationToken);
        await mta.SendAsync("250 2.0.0 taken\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 2.0.0 taken"));
    }

    // A session that a client has left behind its message.
    private async Task<MtaConnection> KeptAsync(CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginAsync("EHLO c.example", cancellationToken);
        await MessageAsync(client, mta, "text\r\n", cancellationToken);
        Assert.That(await client.CommandAsync("QUIT", cancellationToken), Is.EqualTo("221 2.0.0 Bye"));
        await client.DisposeAsync();
        await UntilKeptAsync(1, cancellationToken);
        Assert.That(mta.Received, Does.Not.Contain("QUIT"));
        return mta;
    }

    private async Task LeftWithQuitAsync(RawSmtpClient client, MtaConnection mta, CancellationToken cancellationToken)
    {
        await client.SendAsync("QUIT\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
        await mta.SendAsync("221 2.0.0 Bye\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("221 2.0.0 Bye"));
        mta.Close();
        Assert.That(Kept, Is.Zero);
    }

    // The next client's session is another one, whatever its HELO.
    private async Task AnotherOneAsync(CancellationToken cancellationToken)
    {
        var client = await IntroducedAsync("EHLO c.example", cancellationToken);
        await client.SendAsync("MAIL FROM:<b@x>\r\n", cancellationToken);
        await ServedByAnotherOneAsync(client, "EHLO c.example", cancellationToken);
    }

    private async Task ServedByAnotherOneAsync(RawSmtpClient client, string hello, CancellationToken cancellationToken, string? recipient = null)
    {
        var second = await AcceptAsync(cancellationToken);
        Assert.That(await second.ReadLineAsync(cancellationToken), Is.EqualTo(hello));
        await second.SendAsync(Keywords, cancellationToken);
        Assert.That(await second.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<b@x>"));
        await second.SendAsync("250 2.1.0 second\r\n", cancellationToken);
        if (recipient is not null)
        {
            Assert.That(await second.ReadLineAsync(cancellationToken), Is.EqualTo(recipient));
            await second.SendAsync("250 2.1.5 Ok\r\n", cancellationToken);
        }

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 2.1.0 second"));
    }
}
