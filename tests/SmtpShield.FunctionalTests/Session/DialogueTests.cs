using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>Dialogues inside the dialogue: AUTH and STARTTLS.</summary>
internal sealed class DialogueTests : RelayFixture
{
    [Test]
    public async Task Auth_LinesBehind334_AreDataWhateverTheySay(CancellationToken cancellationToken)
    {
        foreach (var parts in Splits("AUTH LOGIN\r\nQUIT\r\n\r\nMAIL FROM:<a@b>\r\n"))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("AUTH LOGIN"));
            await mta.SendAsync("334 VXNlcg==\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
            await mta.SendAsync("334 UGFzcw==\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.Empty);
            await mta.SendAsync("235 ok\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<a@b>"));
            await mta.SendAsync("250 ok\r\n", cancellationToken);
            foreach (var reply in (string[])["334 VXNlcg==", "334 UGFzcw==", "235 ok", "250 ok"])
                Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply));
        }
    }

    [Test]
    public async Task Auth_Cancelled_NextLineIsACommand(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "AUTH PLAIN", "334 ", cancellationToken);
        await ExchangeAsync(client, mta, "*", "501 cancelled", cancellationToken);
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
    }

    [Test]
    public async Task Auth_LongestResponse_IsRelayed(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "AUTH GSSAPI", "334 ", cancellationToken);
        await ExchangeAsync(client, mta, new string('x', 12288), "235 ok", cancellationToken);
    }

    [TestCase("501 cancelled", "500 5.5.6 Error: authentication exchange line is too long")]
    [TestCase("334 go on", "421 4.3.0 mail.example.com Error: mail server unavailable")]
    [TestCase("235 welcome", "421 4.3.0 mail.example.com Error: mail server unavailable")]
    [TestCase("421 bye", "421 bye")]
    public async Task Auth_ResponseTooLong_IsCancelledAtTheMta(string toCancel, string reply, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "AUTH PLAIN", "334 ", cancellationToken);
        await client.SendAsync(new string('x', 12289) + "\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("*"));
        await mta.SendAsync(toCancel + "\r\n", cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply));
        Assert.That(Shield.Log.Lines, Has.None.Contains("xxx"));
    }

    [TestCase("  AUTH PLAIN ")]
    [TestCase("AUTH\tPLAIN ")]
    [TestCase("auth plain ")]
    public async Task Auth_CommandTooLong_IsNotQuotedInTheLog(string command, CancellationToken cancellationToken)
    {
        var (client, _) = await ConnectAsync(cancellationToken);
        await client.SendAsync(command + new string('S', 13000) + "\r\n", cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("500 5.5.2"));
        Assert.That(Shield.Log.Lines, Has.None.Contains("SSS"));
    }

    [Test]
    public async Task Auth_ChallengeThatNobodyAskedFor_EndsTheSession(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "AUTH PLAIN", "334 ", cancellationToken);
        await mta.SendAsync("334 again\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.3.0 mail.example.com Error: mail server unavailable\r\n"));
    }

    [Test]
    public async Task StartTls_Accepted_OctetsPassBothWaysUnread(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "STARTTLS", "220 go", cancellationToken);
        var start = mta.ReceivedLength;
        await client.SendAsync("\u0016\u0003\u0001\0XCLIENT\r\n.\r\nQUIT", cancellationToken);
        await mta.ReadThroughAsync("QUIT", cancellationToken);
        Assert.That(mta.Received[start..], Is.EqualTo("\u0016\u0003\u0001\0XCLIENT\r\n.\r\nQUIT"));

        await mta.SendAsync("\u0016\u0003 not a reply\n\0", cancellationToken);
        mta.EndSending();

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("\u0016\u0003 not a reply\n\0"));
    }

    [Test]
    public async Task StartTls_WithPlaintextBehindIt_IsRefused(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("STARTTLS\r\nRSET\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync("220 go\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("554 5.5.0 Error: SMTP protocol synchronization\r\n"));
        Assert.That(mta.Received, Is.EqualTo("STARTTLS\r\n"));
    }

    [Test]
    public async Task StartTls_Refused_NextLineIsACommand(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "STARTTLS", "454 not now", cancellationToken);
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
    }
}
