using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>
/// An MTA that takes what Postfix refuses: a MAIL or RCPT it accepts is one, however it was written and wherever it stands; what it refuses is none.
/// </summary>
internal sealed class LenientMtaTests : RelayFixture
{
    private const string TooMuchMail = "450 4.7.1 Error: too much mail from 127.0.0.1";
    private const string TooManyRecipients = "450 4.7.1 Error: too many recipients from 127.0.0.1";
    private const string Learnt = "accepts MAIL or RCPT in forms Postfix refuses: limits count them like any other";

    protected override bool HasFakeTime => true;

    protected override ShieldOptions Configure(ShieldOptions options) => options with
    {
        Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero, ClientMessageRateLimit = 2, ClientRecipientRateLimit = 2, RecipientOvershootLimit = 1 },
    };

    [TestCase("MAIL <a@x>")]
    [TestCase("MAIL a@x")]
    [TestCase("MAIL FROM : <a@x>")]
    [TestCase("MAIL FROM :<a@x>")]
    [TestCase("MAIL FROM <a@x>")]
    [TestCase("MAIL FROM:")]
    [TestCase("MAIL")]
    [TestCase("mail\t<a@x> SIZE=1")]
    public async Task Mail_TheMtaAccepts_IsCountedHoweverItIsWritten(string command, CancellationToken cancellationToken)
    {
        foreach (var parts in Splits(command + "\r\n"))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            for (var i = 0; i < 2; i++)
            {
                await SendAsync(client, parts, cancellationToken);
                Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(command));
                await AnswerAsync(client, mta, "250 ok", cancellationToken);
                await ExchangeAsync(client, mta, "RSET", "250 ok", cancellationToken);
            }

            var start = mta.ReceivedLength;
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(TooMuchMail));
            Assert.That(await client.CommandAsync("MAIL FROM:<a@x>", cancellationToken), Is.EqualTo(TooMuchMail));
            Assert.That(mta.Received[start..], Is.Empty);
            await NextWindowAsync(client);
        }

        Assert.That(Shield.Log.Lines.Count(static line => line.EndsWith(Learnt, StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [TestCase("RCPT <b@y>")]
    [TestCase("RCPT TO : <b@y>")]
    [TestCase("RCPT")]
    public async Task Recipient_TheMtaAccepts_IsCountedHoweverItIsWritten(string command, CancellationToken cancellationToken)
    {
        foreach (var parts in Splits(command + "\r\n"))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
            for (var i = 0; i < 2; i++)
            {
                await SendAsync(client, parts, cancellationToken);
                Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(command));
                await AnswerAsync(client, mta, "250 ok", cancellationToken);
            }

            var start = mta.ReceivedLength;
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(TooManyRecipients));
            Assert.That(mta.Received[start..], Is.Empty);
            await NextWindowAsync(client);
        }
    }

    // Nothing the MTA has accepted before tells about it: not more than one is with it unjudged.
    [Test]
    public async Task Group_OfWhatNoMtaTakes_GoesOneAtATime([Values("MAIL <a@x>", "RCPT <b@y>")] string command, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync(string.Concat(Enumerable.Repeat(command + "\r\n", 5)), cancellationToken);
        for (var i = 0; i < 2; i++)
        {
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(command));
            Assert.That(mta.ReceivedLength, Is.EqualTo((i + 1) * (command.Length + 2)));
            await mta.SendAsync("250 ok\r\n", cancellationToken);
        }

        var refusal = command[0] == 'M' ? TooMuchMail : TooManyRecipients;
        Assert.That(await RepliesAsync(client, 5, cancellationToken), Is.EqualTo($"250 ok|250 ok|{refusal}|{refusal}|{refusal}"));
        Assert.That(mta.ReceivedLength, Is.EqualTo(2 * (command.Length + 2)));
    }

    [Test]
    public async Task Mail_NestedAndAccepted_IsCounted(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<b@x>", "250 ok", cancellationToken);
        Assert.That(await client.CommandAsync("MAIL FROM:<c@x>", cancellationToken), Is.EqualTo(TooMuchMail));
    }

    [Test]
    public async Task Recipient_OutsideATransactionAndAccepted_IsCounted(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<a@x>", "250 ok", cancellationToken);
        Assert.That(await client.CommandAsync("RCPT TO:<a@x>", cancellationToken), Is.EqualTo(TooManyRecipients));
    }

    [Test, Property("Hazard", "DOS-5")]
    public async Task Recipients_AboveTheRecipientLimit_AreRefusedHoweverTheyAreWritten(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Limits = options.Limits with { ClientRecipientRateLimit = 0, RecipientLimit = 2 } });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT <b@y>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT <c@y>", "250 ok", cancellationToken);
        Assert.That(await client.CommandAsync("RCPT <d@y>", cancellationToken), Is.EqualTo("452 4.5.3 Error: too many recipients"));
    }

    // Postfix has them refused uncounted, also above the limit: the MTA behind may be one.
    [TestCase("MAIL <a@x>", "501 5.5.4 Syntax: MAIL FROM:<address>")]
    [TestCase("MAIL", "501 5.5.4 Syntax: MAIL FROM:<address>")]
    [TestCase("RCPT <b@y>", "501 5.5.4 Syntax: RCPT TO:<address>")]
    public async Task Command_TheMtaRefuses_IsNotCountedAndItsToRefuseAboveTheLimit(string command, string reply, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        for (var i = 0; i < 5; i++)
            await ExchangeAsync(client, mta, command, reply, cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RSET", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        Assert.That(await client.CommandAsync("RCPT TO:<a@x>", cancellationToken), Is.EqualTo(TooManyRecipients));
        await ExchangeAsync(client, mta, command, reply, cancellationToken);
        await ExchangeAsync(client, mta, "RSET", "250 ok", cancellationToken);
        Assert.That(await client.CommandAsync("MAIL FROM:<a@x>", cancellationToken), Is.EqualTo(TooMuchMail));
        if (command[0] == 'M')
            await ExchangeAsync(client, mta, command, reply, cancellationToken);
        Assert.That(Shield.Log.Lines, Has.None.EndsWith(Learnt));
    }

    [Test]
    public async Task Mail_WrittenInAnotherForm_IsNamedInTheLog(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "MAIL <a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT <b:c@y>", "550 5.1.1 no", cancellationToken);
        Assert.That(Shield.Log.Lines, Does.Contain("NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 550 5.1.1 no; from=<a@x> to=<b:c@y> proto=SMTP"));
    }

    [TestCase("STARTTLS")]
    [TestCase("STARTTLS x")]
    [TestCase("starttls\tx")]
    [Property("Hazard", "TLS-15")]
    public async Task StartTls_PassedOnInAnyForm_IsATlsSession(string command, CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Limits = options.Limits with { ClientNewTlsSessionRateLimit = 1 } });
        var (first, firstMta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(first, firstMta, command, "220 go", cancellationToken);
        var (second, secondMta) = await ConnectAsync(cancellationToken);

        Assert.That(await second.CommandAsync(command, cancellationToken), Is.EqualTo("454 4.7.0 Error: too many new TLS sessions from unknown[127.0.0.1]"));
        Assert.That(secondMta.Received, Is.Empty);
        await first.VanishAsync(reset: false);
    }

    [Test, Property("Hazard", "TLS-15")]
    public async Task StartTls_HiddenAndTakenInAnotherForm_OpensNoTunnel(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Smtpd = options.Smtpd with { DiscardEhloKeywords = ["STARTTLS"] } });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("STARTTLS x\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("STARTTLS x"));
        await mta.SendAsync("220 go\r\n", cancellationToken);
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.3.0 mail.example.com Error: mail server unavailable\r\n"));
    }

    private async Task NextWindowAsync(RawSmtpClient client)
    {
        await client.VanishAsync(reset: true);
        Time!.Advance(TimeSpan.FromSeconds(61));
    }

    private static async Task AnswerAsync(RawSmtpClient client, MtaConnection mta, string reply, CancellationToken cancellationToken)
    {
        await mta.SendAsync(reply + "\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply));
    }
}
