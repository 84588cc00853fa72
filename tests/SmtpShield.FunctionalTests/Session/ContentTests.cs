using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>DATA: where a message ends, what of it reaches the MTA, and what does not.</summary>
[CancelAfter(15_000)]
internal sealed class ContentTests : RelayFixture
{
    private const string Refusal = "521 5.5.2 mail.example.com Error: bare <LF> received";

    [TestCase("a\r\n.\r\n", TestName = "EOD-1")]
    [TestCase(".\r\n", TestName = "EOD-2")]
    [TestCase("a\r\n\r\n.\r\n", TestName = "EOD-3a")]
    [TestCase("a\r\n..\r\n\r\n.\r\n", TestName = "EOD-3b")]
    [TestCase("a\r\r\n.\r\n", TestName = "EOD-3c")]
    [TestCase("a\n\r\n.\r\n", TestName = "EOD-3d")]
    [TestCase("a\n.x\r\nx\ny\rz\0q\r\n.x\r\n.\r\n", TestName = "EOD-13")]
    public async Task Content_Unambiguous_ReachesTheMtaUnchangedAndTheRestIsCommands(string content)
    {
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        foreach (var parts in Splits(content + "RSET\r\n"))
        {
            var (client, mta, start) = await BeginDataAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadThroughAsync(content, cancellationToken), Is.EqualTo(content));
            await mta.SendAsync("250 ", cancellationToken);
            Assert.That(mta.Received[start..], Is.EqualTo(content), "nothing follows before the reply");
            await mta.SendAsync("queued\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("RSET"));
            await mta.SendAsync("250 next\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 queued"));
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 next"));
        }
    }

    [TestCase("a\n.\n", TestName = "EOD-4")]
    [TestCase("a\n.\r\n", TestName = "EOD-5")]
    [TestCase("a\r\n.\n", TestName = "EOD-6a")]
    [TestCase(".\n", TestName = "EOD-6b")]
    [TestCase("a\r.\r", TestName = "EOD-7a")]
    [TestCase("a\r.\n", TestName = "EOD-7b")]
    [TestCase("a\r.\r\n", TestName = "EOD-7c")]
    [TestCase("a\n.\r", TestName = "EOD-7d")]
    [TestCase("a\r\n.\rx", TestName = "EOD-8")]
    [TestCase("a\r\n.\r\r\n", TestName = "EOD-9a")]
    [TestCase("a\r\r\n.\r\r\n", TestName = "EOD-9b")]
    [TestCase("a\r\n.\0\r\n", TestName = "EOD-10a")]
    [TestCase("a\r\n\0.\r\n", TestName = "EOD-10b")]
    [TestCase("a\r\n.\r\0\n", TestName = "EOD-10c")]
    [TestCase("a\0\r\n.\r\n", TestName = "EOD-11a")]
    [TestCase("a\r\0\n.\r\n", TestName = "EOD-11b")]
    public async Task Content_AmbiguousEnd_IsRefusedAndTheMtaNeverSeesAnEnd(string content)
    {
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        const string Tail = "MAIL FROM:<m@x>\r\nRCPT TO:<v@y>\r\nDATA\r\nb\r\n.\r\n";
        foreach (var parts in Splits(content).Select(static parts => (string[])[.. parts, Tail]).Append([content + Tail]))
        {
            var (client, mta, start) = await BeginDataAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Refusal + "\r\n"));
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.Received[start..], Does.Not.Contain(".").And.Not.Contain("MAIL"));
        }
    }

    [Test]
    [Property("Hazard", "EOD-21")]
    public async Task Content_HeldBackOctets_DoNotReachTheMta(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("a\n.", cancellationToken);
        await mta.ReadToLengthAsync(start + 1, cancellationToken);
        await client.SendAsync("\r\n.\r\n", cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(Refusal));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Is.EqualTo("a"));
    }

    [Test]
    [Property("Hazard", "EOD-22"), Property("Hazard", "LOSS-3")]
    public async Task Content_WithQuitBehindTheEnd_IsOneMessageAndAFarewell(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("a\r\n.\r\nQUIT\r\n", cancellationToken);
        client.EndSending();
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        await mta.SendAsync("250 queued\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
        await mta.SendAsync("221 bye\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("250 queued\r\n221 bye\r\n"));
        Assert.That(mta.Received[start..], Is.EqualTo("a\r\n.\r\nQUIT\r\n"));
    }

    [TestCase("552 5.3.4 too big", "552 5.3.4 too big")]
    [TestCase("421 4.3.0 later", "421 4.3.0 later")]
    [TestCase("250 queued", "421 4.3.0 mail.example.com Error: mail server unavailable")]
    [TestCase("354 go on", "421 4.3.0 mail.example.com Error: mail server unavailable")]
    [Property("Hazard", "EOD-24")]
    public async Task Content_AnsweredBeforeItsEnd_OnlyARefusalIsPassedOn(string early, string reply, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        await client.SendAsync(new string('x', 100_000), cancellationToken);
        await mta.ReadToLengthAsync(start + 100_000, cancellationToken);
        await mta.SendAsync(early + "\r\n", cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply));
        await client.SendAsync(new string('x', 1 << 20) + "\r\n.\r\n", cancellationToken);
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received, Does.Not.Contain(".\r\n"));
    }

    [TestCase("354 go")]
    [TestCase("334 go")]
    [TestCase("25 ok")]
    [TestCase("250-a\r\n550 b")]
    [TestCase("2500 ok")]
    [TestCase("4.7.0 x")]
    [TestCase("600 x")]
    [TestCase("")]
    [TestCase("\u0001\u0002")]
    [Property("Hazard", "REP-4")]
    public async Task Content_EndAnsweredWithNoFinalReply_Gives421(string reply, CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("a\r\n.\r\n", cancellationToken);
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        await mta.SendAsync(reply + "\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.3.0 mail.example.com Error: mail server unavailable\r\n"));
    }

    [TestCase("MAIL FROM:<a@x>", false)]
    [TestCase("MAIL FROM:<a@x>", true)]
    [TestCase("content", false)]
    [TestCase("content", true)]
    [TestCase("end", false)]
    [TestCase("end", true)]
    [Property("Hazard", "REP-8")]
    public async Task Mta_Killed_ClientGets421AndNever2xx(string when, bool reset, CancellationToken cancellationToken)
    {
        RawSmtpClient client;
        MtaConnection mta;
        if (when.StartsWith("MAIL", StringComparison.Ordinal))
        {
            (client, mta) = await ConnectAsync(cancellationToken);
            await client.SendAsync(when + "\r\n", cancellationToken);
            await mta.ReadLineAsync(cancellationToken);
        }
        else
        {
            (client, mta, var start) = await BeginDataAsync(cancellationToken);
            await client.SendAsync(when == "end" ? "ab\r\n.\r\n" : "abcdefg", cancellationToken);
            await mta.ReadToLengthAsync(start + 7, cancellationToken);
        }

        mta.Close(reset);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.3.0 mail.example.com Error: mail server unavailable\r\n"));
    }

    [Test]
    [Property("Hazard", "LOSS-7")]
    public async Task Mta_AcceptsAndResetsAtOnce_ClientGetsTheAcceptance(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("ab\r\n.\r\n", cancellationToken);
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        await mta.SendAsync("250 queued\r\n", cancellationToken);
        mta.Close(reset: true);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 queued"));
    }

    [TestCase("RCPT TO:<a@b>", "")]
    [TestCase("NOOP\r\nRCPT TO:<a@b>", "NOOP\r\n")]
    [Property("Hazard", "LOSS-4")]
    public async Task Client_EndsInsideALine_TheLineIsNotExecuted(string sent, string received, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync(sent, cancellationToken);
        client.EndSending();
        if (received.Length > 0)
        {
            await mta.ReadToLengthAsync(received.Length, cancellationToken);
            await mta.SendAsync("250 ok\r\n", cancellationToken);
        }

        Assert.That(await mta.Ended.WaitAsync(cancellationToken), Is.EqualTo(MtaEnding.Fin));
        Assert.That(mta.ReceivedOfClient, Is.EqualTo(received));
    }

    [TestCase(false)]
    [TestCase(true)]
    [Property("Hazard", "LOSS-2"), Property("Hazard", "LOSS-4")]
    public async Task Client_GoneWithTheEndHeld_MtaSeesNoEnd(bool reset, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("a\r\n.\r", cancellationToken);
        await mta.ReadToLengthAsync(start + 1, cancellationToken);
        await client.VanishAsync(reset);

        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Is.EqualTo("a"));
    }

    [Test]
    [Property("Hazard", "LOSS-5")]
    public async Task Client_WithAMegabyteUnsentAtThe421_ReadsIt(CancellationToken cancellationToken)
    {
        for (var i = 0; i < 20; i++)
        {
            var (client, mta, start) = await BeginDataAsync(cancellationToken);
            var sending = client.SendAsync(new string('x', 1 << 20), cancellationToken);
            await mta.ReadToLengthAsync(start + 1, cancellationToken);
            await mta.SendAsync("421 4.3.0 later\r\n", cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.3.0 later\r\n"));
            await sending;
        }
    }
}
