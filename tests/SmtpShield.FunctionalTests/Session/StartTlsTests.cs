using System.Security.Authentication;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>STARTTLS where the shield ends TLS: nothing crosses the border but the client itself and what it has done wrong.</summary>
internal sealed class StartTlsTests : TlsFixture
{
    private const string Synchronization = "554 5.5.0 Error: SMTP protocol synchronization\r\n";
    private const string Unavailable = "421 4.3.0 mail.example.com Error: mail server unavailable\r\n";

    protected override ShieldOptions Configure(ShieldOptions options) =>
        base.Configure(options with { Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero } });

    [TestCase("STARTTLS\r\nNOOP\r\n")]
    [TestCase("STARTTLS\r\n\r\n")]
    [TestCase("STARTTLS\r\nEHLO a\r\nMAIL FROM:<a@x>\r\n")]
    [TestCase("STARTTLS\nX")]
    [TestCase("STARTTLS\r\n\u0016\u0003\u0001")]
    [Property("Hazard", "TLS-1")]
    public async Task StartTls_WithInputBehindIt_EndsTheSessionAndNothingOfItReachesTheMta(string sent, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await EhloAsync(client, mta, "250-mx\r\n250 ENHANCEDSTATUSCODES\r\n", cancellationToken), Does.Contain("STARTTLS"));
        var start = mta.ReceivedLength;
        await client.SendAsync(sent, cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Synchronization));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.ReceivedOfClient[start..], Is.Empty);
        Assert.That(Mta.HasWaiting, Is.False);
    }

    // The second write is there before the first one is answered. Whether it is seen before the reply or breaks the handshake: it is no
    // command, and the session ends.
    [Test, Property("Hazard", "TLS-1")]
    public async Task StartTls_WithInputInASecondWriteBeforeItsReply_EndsTheSession(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("NOOP\r\nSTARTTLS\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("NOOP"));
        await client.SendAsync("MAIL FROM:<a@x>\r\n", cancellationToken);
        await mta.SendAsync("250 ok\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken),
            Is.EqualTo("250 ok\r\n" + Synchronization).Or.Match("^250 ok\r\n220 2.0.0 Ready to start TLS\r\n[^0-9]*$"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received, Is.EqualTo("NOOP\r\n").Or.EqualTo("NOOP\r\nQUIT\r\n"));
        Assert.That(Mta.HasWaiting, Is.False);
    }

    [Test, Property("Hazard", "TLS-1")]
    public async Task Plaintext_BehindTheReplyToStartTls_IsNoCommandAndEndsTheSession(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Is.EqualTo(Ready));
        await client.SendAsync("MAIL FROM:<a@x>\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Does.Not.Match("[245][0-9][0-9]"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received, Is.Empty.Or.EqualTo("QUIT\r\n"));
        Assert.That(Mta.HasWaiting, Is.False);
    }

    [Test, Property("Hazard", "TLS-3")]
    public async Task StartTls_AfterLoginAndMail_BeginsANewSessionAtTheMtaAndKeepsNothing(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await EhloAsync(client, mta, "250-mx\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 AUTH PLAIN\r\n", cancellationToken),
            Does.Contain("CHUNKING"));
        await ExchangeAsync(client, mta, "AUTH PLAIN AAA=", "235 ok", cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
        var start = mta.ReceivedLength;
        var inside = await StartTlsAsync(client, cancellationToken);

        Assert.That(await mta.Ended.WaitAsync(cancellationToken), Is.EqualTo(MtaEnding.Fin));
        Assert.That(mta.Received[start..], Is.EqualTo("QUIT\r\n"));
        await ExchangeAsync(client, inside, "RCPT TO:<c@y>", "503 5.5.1 no", cancellationToken);

        // CHUNKING was offered before, and is not known here.
        await client.SendAsync("BDAT 3 LAST\r\nabc", cancellationToken);
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("521 5.5.1 Error: command not implemented\r\n"));
        await inside.Ended.WaitAsync(cancellationToken);
        Assert.That(inside.Received, Is.EqualTo("RCPT TO:<c@y>\r\n"));
    }

    [TestCase("STARTTLS x", "501 5.5.4 Syntax: STARTTLS", "554 5.5.1 Error: TLS already active")]
    [TestCase("STARTTLS", null, "554 5.5.1 Error: TLS already active")]
    [Property("Hazard", "TLS-4")]
    public async Task StartTls_Wrong_IsRefusedAndTheMtaNeverSeesIt(string command, string? before, string inside, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        if (before is not null)
            Assert.That(await client.CommandAsync(command, cancellationToken), Is.EqualTo(before));
        var second = await StartTlsAsync(client, cancellationToken);
        Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Is.EqualTo(inside));
        await ExchangeAsync(client, second, "NOOP", "250 ok", cancellationToken);
        Assert.That((mta.Received, second.Received), Is.EqualTo(("QUIT\r\n", "NOOP\r\n")));
    }

    [Test, Property("Hazard", "TLS-5")]
    public async Task Tls_EndsInContent_ThenClear_IsTheEndOfTheSession(
        [Values("DATA", "BDAT")] string by, [Values(".\r\n", "x", "\r\n.\r\nQUIT\r\n")] string clear, CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginContentAsync(by, cancellationToken);
        var start = mta.ReceivedLength;
        await client.SendAsync("Subject: x\r\n", cancellationToken);
        await client.EndTlsAsync();
        await client.SendAsync(clear, cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        Assert.That(await mta.Ended.WaitAsync(cancellationToken), Is.Not.EqualTo(MtaEnding.Own));
        Assert.That("Subject: x\r\n".StartsWith(mta.Received[start..], StringComparison.Ordinal), Is.True);
    }

    [Test, Property("Hazard", "TLS-6")]
    public async Task Connection_EndsInContentWithoutCloseNotify_IsLost(
        [Values("DATA", "BDAT")] string by, [Values] bool reset, CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginContentAsync(by, cancellationToken);
        var start = mta.ReceivedLength;
        await client.SendAsync("Subject: x\r\n\r\nx\r\n.\r", cancellationToken);
        await client.VanishAsync(reset);

        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Does.Not.Contain("\r\n.\r\n"));
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);
        Assert.That(Shield.Log.Lines, Has.One.StartsWith($"lost connection after {by} ("));
    }

    [TestCase("may", "STARTTLS", "250-mx\n250-STARTTLS\n250 ENHANCEDSTATUSCODES", "250-mx\n250 ENHANCEDSTATUSCODES")]
    [TestCase("may", "SIZE", "250-mx\n250-SIZE\n250-STARTTLS\n250 ENHANCEDSTATUSCODES", "250-mx\n250-SIZE\n250 ENHANCEDSTATUSCODES")]
    [TestCase("encrypt", "AUTH PLAIN", "250-mx\n250-STARTTLS\n250 ENHANCEDSTATUSCODES", "250-mx\n250-AUTH PLAIN\n250 ENHANCEDSTATUSCODES")]
    [TestCase("none", "STARTTLS", "250-mx\n250 ENHANCEDSTATUSCODES", null)]
    [Property("Hazard", "TLS-7"), Property("Hazard", "TLS-8")]
    public async Task Ehlo_BeforeAndInside_OffersTheShieldsOwnStartTlsOnce(
        string level, string offered, string before, string? inside, CancellationToken cancellationToken)
    {
        Reconfigure(options => options with { Tls = options.Tls with { SecurityLevel = Enum.Parse<TlsSecurityLevel>(level, ignoreCase: true) } });
        var reply = $"250-mx\r\n250-{offered}\r\n250 ENHANCEDSTATUSCODES\r\n";
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await EhloAsync(client, mta, reply, cancellationToken), Is.EqualTo(before));
        if (level == "encrypt")
            Assert.That(await client.CommandAsync("MAIL FROM:<a@x>", cancellationToken), Is.EqualTo("530 5.7.0 Must issue a STARTTLS command first"));
        if (inside is null)
            Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Is.EqualTo("502 5.5.1 Error: command not implemented"));
        else
            Assert.That(await EhloAsync(client, await StartTlsAsync(client, cancellationToken), reply, cancellationToken), Is.EqualTo(inside));
    }

    [TestCase("421 4.3.2 full\r\n", "421 4.3.2 full\r\n", "QUIT")]
    [TestCase("554 5.7.1 no\r\n", "503 5.7.0 Error: access denied for unknown[127.0.0.1]\r\n221 bye\r\n", "QUIT")]
    [TestCase("450 4.3.2 later\r\n", "250 later\r\n221 bye\r\n", "NOOP\r\nQUIT")]
    [TestCase("220-mx\r\n220 mx\r\n", "250 later\r\n221 bye\r\n", "NOOP\r\nQUIT")]
    [Property("Hazard", "TLS-3"), Property("Hazard", "REP-9")]
    public async Task Greeting_OfTheMtasSecondSession_IsForTheShieldUnlessItRefuses(
        string greeting, string expected, string received, CancellationToken cancellationToken)
    {
        var (client, _) = await ConnectAsync(cancellationToken);
        var inside = await StartTlsAsync(client, cancellationToken, greeting);
        if (!greeting.StartsWith("421", StringComparison.Ordinal))
        {
            await client.SendAsync("NOOP\r\nQUIT\r\n", cancellationToken);
            foreach (var line in received.Split("\r\n"))
            {
                Assert.That(await inside.ReadLineAsync(cancellationToken), Is.EqualTo(line));
                await inside.SendAsync(line == "QUIT" ? "221 bye\r\n" : "250 later\r\n", cancellationToken);
            }
        }

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(expected));
    }

    [Test, Property("Hazard", "TLS-3")]
    public async Task Mta_GoneBehindTheHandshake_IsTold(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Is.EqualTo(Ready));
        Mta.StopListening();
        Assert.That(await client.StartTlsAsync(cancellationToken), Is.EqualTo(SslProtocols.Tls13));

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Unavailable));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(Shield.Log.Lines, Has.One.StartsWith("connect to upstream "));
    }

    [Test, Property("Hazard", "LOSS-6")]
    public async Task Session_InsideTls_EndsWithCloseNotifyBehindTheLastReply(CancellationToken cancellationToken)
    {
        var (client, _) = await ConnectAsync(cancellationToken);
        var inside = await StartTlsAsync(client, cancellationToken);
        await ExchangeAsync(client, inside, "QUIT", "221 bye", cancellationToken);
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        Assert.That(client.HasEndedTls, Is.True);
    }

    private static async Task<string> EhloAsync(RawSmtpClient client, MtaConnection mta, string reply, CancellationToken cancellationToken)
    {
        await client.SendAsync("EHLO c\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("EHLO c"));
        await mta.SendAsync(reply, cancellationToken);
        return await client.ReplyAsync(cancellationToken);
    }

    private async Task<(RawSmtpClient Client, MtaConnection Mta)> BeginContentAsync(string by, CancellationToken cancellationToken)
    {
        var (client, _) = await ConnectAsync(cancellationToken);
        var mta = await StartTlsAsync(client, cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250 CHUNKING", cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
        if (by == "DATA")
        {
            await ExchangeAsync(client, mta, "DATA", "354 go", cancellationToken);
            return (client, mta);
        }

        await client.SendAsync("BDAT 100 LAST\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("BDAT 100 LAST"));
        return (client, mta);
    }
}
