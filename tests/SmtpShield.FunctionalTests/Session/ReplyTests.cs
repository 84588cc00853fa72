namespace SmtpShield.FunctionalTests.Session;

/// <summary>What the MTA says, as the client gets it.</summary>
[CancelAfter(15_000)]
internal sealed class ReplyTests : RelayFixture
{
    private const string Unavailable = "421 4.3.0 mail.example.com Error: mail server unavailable\r\n";

    [TestCase("250-a\r\n250-234 b\r\n250 c\r\n", "250-a\r\n250-234 b\r\n250 c\r\n")]
    [TestCase("250\r\n", "250\r\n")]
    [TestCase("250-\r\n250\r\n", "250-\r\n250\r\n")]
    [TestCase("250-a\n250 b\n", "250-a\r\n250 b\r\n")]
    [TestCase("550 <a\r250 ok>\r\n", "550 <a 250 ok>\r\n")]
    [Property("Hazard", "REP-1"), Property("Hazard", "REP-2"), Property("Hazard", "REP-3"), Property("Hazard", "REP-11")]
    public async Task Reply_WellFormed_IsRelayedHoweverItIsSplit(string reply, string relayed, CancellationToken cancellationToken)
    {
        foreach (var parts in Splits(reply))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await client.SendAsync("RCPT TO:<a@b>\r\nQUIT\r\n", cancellationToken);
            await mta.ReadLineAsync(cancellationToken);
            foreach (var part in parts)
                await mta.SendAsync(part, cancellationToken);
            await mta.ReadLineAsync(cancellationToken);
            await mta.SendAsync("221 bye\r\n", cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(relayed + "221 bye\r\n"));
        }
    }

    [TestCase("250-a\r\n550 b\r\n")]
    [TestCase("25 ok\r\n")]
    [TestCase("2500 ok\r\n")]
    [TestCase("4.7.0 x\r\n")]
    [TestCase("600 x\r\n")]
    [TestCase("\r\n")]
    [TestCase("\u0001\u00ff")]
    [TestCase("354 go\r\n")]
    [TestCase("250-a\n250 ok>\nx\r\n")]
    [Property("Hazard", "REP-4")]
    public async Task Reply_Malformed_Gives421AndNoneOfIt(string reply, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("RCPT TO:<a@b>\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync(reply, cancellationToken);

        Assert.That((await client.ReadToEndAsync(cancellationToken))[^Unavailable.Length..], Is.EqualTo(Unavailable));
        await mta.Ended.WaitAsync(cancellationToken);
    }

    [TestCase(true)]
    [TestCase(false)]
    [Property("Hazard", "REP-5")]
    public async Task Reply_Endless_Gives421(bool oneLine, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("RCPT TO:<a@b>\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync(oneLine ? "250 " + new string('x', 1 << 20) : string.Concat(Enumerable.Repeat("250-\r\n", 10_000)), cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Unavailable));
    }

    [TestCase("250 ok", "421 4.3.0 mail.example.com Error: mail server unavailable")]
    [TestCase("421 4.4.2 timeout", "421 4.4.2 timeout")]
    [Property("Hazard", "REP-6")]
    public async Task Reply_NobodyAskedFor_EndsTheSession(string reply, string relayed, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await mta.SendAsync(reply + "\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(relayed + "\r\n"));
    }

    [Test]
    [Property("Hazard", "REP-6")]
    public async Task Reply_TwoToOneCommand_TheSecondIsNotBookedOnTheNext(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("NOOP\r\nRCPT TO:<a@b>\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync("250 one\r\n250 two\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("250 one\r\n" + Unavailable));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received, Is.EqualTo("NOOP\r\n"));
    }

    [Test]
    [Property("Hazard", "REP-7")]
    public async Task Reply_421InAGroup_IsTheLastThing(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("RCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\n", cancellationToken);
        await mta.ReadToLengthAsync(45, cancellationToken);
        await mta.SendAsync("250 ok\r\n421 later\r\n", cancellationToken);
        mta.Close();

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("250 ok\r\n421 later\r\n"));
    }

    [Test]
    [Property("Hazard", "LOSS-11")]
    public async Task Quit_MtaClosesSilently_TheShieldSaysGoodbye(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("QUIT\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        mta.Close();

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("221 2.0.0 Bye\r\n"));
    }

    [Test]
    public async Task Quit_MtaWithoutEnhancedCodesClosesSilently_GoodbyeHasNone(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250 mx", cancellationToken);
        await client.SendAsync("QUIT\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        mta.Close();

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("221 Bye\r\n"));
    }

    [TestCase("450 later", "503 no", false)]
    [TestCase("421 later", "", true)]
    [Property("Hazard", "REP-9")]
    public async Task Greeting_Not220_IsRelayed(string greeting, string toMail, bool ends, CancellationToken cancellationToken)
    {
        await using var client = await Shield.ConnectAsync(cancellationToken);
        var mta = await Mta.AcceptAsync(cancellationToken);
        await mta.SendAsync(greeting + "\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(greeting));
        if (ends)
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        else
            await ExchangeAsync(client, mta, "MAIL FROM:<a@b>", toMail, cancellationToken);
    }

    [Test]
    [Property("Hazard", "REP-9")]
    public async Task Greeting_RefusesTheSession_OnlyQuitReachesTheMta(CancellationToken cancellationToken)
    {
        await using var client = await Shield.ConnectAsync(cancellationToken);
        var mta = await Mta.AcceptAsync(cancellationToken);
        await mta.SendAsync("554 no\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("554 no"));
        foreach (var command in new[] { "EHLO c", "MAIL FROM:<a@b>", "NOOP" })
        {
            await client.SendAsync(command + "\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("503 5.7.0 Error: access denied for unknown[127.0.0.1]"));
        }

        await ExchangeAsync(client, mta, "QUIT", "221 bye", cancellationToken);
        Assert.That(mta.Received, Is.EqualTo("QUIT\r\n"));
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
    }

    [TestCase("DATA", "334 go")]
    [TestCase("DATA", "350 go")]
    [TestCase("AUTH LOGIN", "354 go")]
    [TestCase("RCPT TO:<a@b>", "354 go")]
    public async Task Reply_AsksForSomethingElseThanTheCommandDoes_EndsTheSession(string command, string reply, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync(command + "\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync(reply + "\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.3.0 mail.example.com Error: mail server unavailable\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
    }
}
