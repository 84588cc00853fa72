using System.Globalization;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>
/// What the shield refuses itself: in its place among the MTA's replies, and with nothing behind it that the MTA could take for more than the client believes.
/// </summary>
[CancelAfter(10_000)]
internal sealed class LocalRefusalTests : RelayFixture
{
    private const string TooMuchMail = "450 4.7.1 Error: too much mail from 127.0.0.1";
    private const string TooManyRecipients = "450 4.7.1 Error: too many recipients from 127.0.0.1";
    private const string NeedMail = "503 5.5.1 Error: need MAIL command";
    private const string NeedRecipient = "503 5.5.1 Error: need RCPT command";
    private const string Chunking = "250-mx\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING";

    protected override ShieldOptions Configure(ShieldOptions options) => options with { Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero } };

    [Test, Property("Hazard", "PIPE-1")]
    public async Task Recipients_AboveTheRateInAGroup_AreRefusedInTheirPlacesHoweverLateTheMtaAnswers(CancellationToken cancellationToken)
    {
        const string Sent = "MAIL FROM:<s@x>\r\nRCPT TO:<a@y>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\n";
        foreach (var parts in Splits(Sent).Where(static (parts, index) => index % 3 == 0 || parts.Length > 2))
        {
            Limit(static limits => limits with { ClientRecipientRateLimit = 1, ClientConnectionCountLimit = 0 });
            var (client, mta) = await ConnectAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<s@x>"));
            Assert.That(client.Unread(), Is.Empty, "no refusal before the reply to MAIL");
            await mta.SendAsync("250 1\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("RCPT TO:<a@y>"));
            Assert.That(client.Unread(), Does.Not.Contain("450"), "no refusal before the reply to the recipient in front of it");
            await mta.SendAsync("250 2\r\n", cancellationToken);

            Assert.That(await RepliesAsync(client, 4, cancellationToken), Is.EqualTo($"250 1|250 2|{TooManyRecipients}|{TooManyRecipients}"));
            await ExchangeAsync(client, mta, "QUIT", "221 bye", cancellationToken);
            Assert.That(mta.Received, Is.EqualTo("MAIL FROM:<s@x>\r\nRCPT TO:<a@y>\r\nQUIT\r\n"));

            // The next session is a client nothing is known of: each is counted for itself.
            await NextWindowAsync(client, cancellationToken);
        }
    }

    [Test, Property("Hazard", "PIPE-2")]
    public async Task Data_AllRecipientsRefusedHere_IsTheMtasToRefuse(CancellationToken cancellationToken)
    {
        Limit(static limits => limits with { ClientRecipientRateLimit = 1 });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "VRFY a", "252 maybe", cancellationToken);
        await client.SendAsync("MAIL FROM:<s@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<s@x>"));
        await mta.SendAsync("250 1\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("DATA"));
        await mta.SendAsync("554 5.5.1 no valid recipients\r\n", cancellationToken);

        Assert.That(await RepliesAsync(client, 3, cancellationToken), Is.EqualTo($"250 1|{TooManyRecipients}|554 5.5.1 no valid recipients"));
        await ExchangeAsync(client, mta, "NOOP", "250 a command", cancellationToken);
    }

    [Test, Property("Hazard", "PIPE-3")]
    public async Task Data_MtaSays354ThoughNoRecipientIsLeft_EmptyMessageAndItsReplyAreRelayed(CancellationToken cancellationToken)
    {
        foreach (var parts in Splits(".\r\nNOOP\r\n"))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await client.SendAsync("MAIL FROM:<s@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n", cancellationToken);
            await mta.ReadThroughAsync("DATA\r\n", cancellationToken);
            await mta.SendAsync("250 1\r\n550 2\r\n354 3\r\n", cancellationToken);
            Assert.That(await RepliesAsync(client, 3, cancellationToken), Is.EqualTo("250 1|550 2|354 3"));
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadThroughAsync(".\r\n", cancellationToken), Is.EqualTo(".\r\n"));
            await mta.SendAsync("554 4\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("NOOP"));
            await mta.SendAsync("250 5\r\n", cancellationToken);
            Assert.That(await RepliesAsync(client, 2, cancellationToken), Is.EqualTo("554 4|250 5"));
        }
    }

    [Test, Property("Hazard", "PIPE-4")]
    public async Task Mail_RefusedHere_NothingOfItsGroupReachesTheMta(CancellationToken cancellationToken)
    {
        const string Group = "MAIL FROM:<s@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nNOOP\r\n";
        foreach (var parts in Splits(Group).Where(static (parts, index) => index % 3 == 0 || parts.Length > 2))
        {
            var (client, mta, start) = await BeginAboveTheMessageRateAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            await mta.ReadThroughAsync("NOOP\r\n", cancellationToken);
            await mta.SendAsync("250 ok\r\n", cancellationToken);
            Assert.That(await RepliesAsync(client, 4, cancellationToken), Is.EqualTo($"{TooMuchMail}|{NeedMail}|{NeedRecipient}|250 ok"));
            Assert.That(mta.Received[start..], Is.EqualTo("NOOP\r\n"));
            await NextWindowAsync(client, cancellationToken);
        }
    }

    [TestCase("RSET", "250 ok", "RCPT TO:<b@y>", "503 mine")]
    [TestCase("RSET", "501 no", "RCPT TO:<b@y>", "503 mine")]
    [TestCase("EHLO c", "250 mx", "RCPT TO:<b@y>", "503 mine")]
    [TestCase("EHLO c", "501 no", "DATA", "503 mine")]
    [TestCase("HELO c", "250 mx", "DATA", "503 mine")]
    [TestCase("MAIL FROM:", "501 no", "RCPT TO:<b@y>", "503 mine")]
    [Property("Hazard", "PIPE-4")]
    public async Task Mail_RefusedHereThenAnotherBeginning_TheMtaIsAskedAgain(
        string command, string reply, string next, string nextReply, CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginAboveTheMessageRateAsync(cancellationToken);
        Assert.That(await client.CommandAsync("MAIL FROM:<s@x>", cancellationToken), Is.EqualTo(TooMuchMail));
        await ExchangeAsync(client, mta, command, reply, cancellationToken);
        await ExchangeAsync(client, mta, next, nextReply, cancellationToken);
    }

    [TestCase("STARTTLS", "454 not now")]
    [TestCase("AUTH PLAIN AAA=", "535 no")]
    [TestCase("NOOP", "250 ok")]
    [TestCase("VRFY a", "252 ok")]
    [Property("Hazard", "PIPE-4")]
    public async Task Mail_RefusedHereThenWhatBeginsNothing_RecipientsAreStillRefusedHere(string command, string reply, CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginAboveTheMessageRateAsync(cancellationToken);
        Assert.That(await client.CommandAsync("MAIL FROM:<s@x>", cancellationToken), Is.EqualTo(TooMuchMail));
        await ExchangeAsync(client, mta, command, reply, cancellationToken);
        var start = mta.ReceivedLength;
        Assert.That(await client.CommandAsync("RCPT TO:<b@y>", cancellationToken), Is.EqualTo(NeedMail));
        Assert.That(await client.CommandAsync("DATA", cancellationToken), Is.EqualTo(NeedRecipient));
        Assert.That(mta.Received[start..], Is.Empty);
    }

    // A nested MAIL is the MTA's to refuse, and a refusal of the shield's own must not close the transaction it stands in.
    [TestCase("MAIL FROM:<b@x>", "503 nested", true)]
    [TestCase("MAIL FROM:<b@x> PRDR", "555 5.5.4 Unsupported option: PRDR", false)]
    [Property("Hazard", "PIPE-4")]
    public async Task Mail_Nested_TransactionGoesOn(string nested, string reply, bool isForwarded, CancellationToken cancellationToken)
    {
        Limit(static limits => limits with { ClientMessageRateLimit = 1 });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        if (isForwarded)
            await ExchangeAsync(client, mta, nested, reply, cancellationToken);
        else
            Assert.That(await client.CommandAsync(nested, cancellationToken), Is.EqualTo(reply));
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
    }

    [Test, Property("Hazard", "BDAT-3"), Property("Hazard", "PIPE-4")]
    public async Task Chunk_BehindARefusedMail_IsDroppedAndTheNextLineIsACommand(
        [Values("BDAT 18 LAST", "bdat 18")] string command, CancellationToken cancellationToken)
    {
        var sent = $"MAIL FROM:<s@x>\r\n{command}\r\nRSET\r\n.\r\nQUIT\r\nxyzBDAT 0\r\nNOOP\r\n";
        foreach (var parts in Splits(sent).Where(static (parts, index) => index % 3 == 0 || parts.Length > 2))
        {
            var (client, mta, start) = await BeginAboveTheMessageRateAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            await mta.ReadThroughAsync("NOOP\r\n", cancellationToken);
            await mta.SendAsync("250 ok\r\n", cancellationToken);
            Assert.That(await RepliesAsync(client, 4, cancellationToken), Is.EqualTo($"{TooMuchMail}|{NeedRecipient}|{NeedRecipient}|250 ok"));
            Assert.That(mta.Received[start..], Is.EqualTo("NOOP\r\n"));
            await NextWindowAsync(client, cancellationToken);
        }
    }

    [Test, Property("Hazard", "BDAT-3")]
    public async Task Chunk_BehindARefusedMailAndLarge_IsReadWithoutBeingKept(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginAboveTheMessageRateAsync(cancellationToken);
        await client.SendAsync("MAIL FROM:<s@x>\r\nBDAT 10485760 LAST\r\n", cancellationToken);
        var part = new byte[1 << 20];
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 10; i++)
            await client.SendAsync(part, cancellationToken);
        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(4 << 20));

        Assert.That(await RepliesAsync(client, 2, cancellationToken), Is.EqualTo($"{TooMuchMail}|{NeedRecipient}"));
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        Assert.That(mta.Received[start..], Is.EqualTo("NOOP\r\n"));
    }

    [TestCase("BDAT 10485761 LAST\r\n", 10 * 1024 * 1024 + 1)]
    [TestCase("BDAT 2147483647\r\n", 10 * 1024 * 1024 + 1)]
    [TestCase("BDAT 5242880\r\n{5242880}BDAT 2147483647 LAST\r\n", 5 * 1024 * 1024 + 1)]
    [TestCase("BDAT 5242880\r\n{5242880}RSET\r\nMAIL FROM:<s@x>\r\nBDAT 5242881 LAST\r\n", 5 * 1024 * 1024 + 1)]
    [Property("Hazard", "BDAT-3"), Property("Hazard", "DOS-5")]
    public async Task Chunks_BehindARefusedMailAndWithoutEnd_EndTheSessionBehindTheRepliesOwed(string chunks, int octets, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginAboveTheMessageRateAsync(cancellationToken);
        var parts = ("NOOP\r\nMAIL FROM:<s@x>\r\nRCPT TO:<a@y>\r\n" + chunks).Split('{', '}');
        var sending = client.SendAsync(string.Concat(parts.Select(static part => int.TryParse(part, out var length) ? new('x', length) : part))
            + new string('x', octets), cancellationToken);
        foreach (var command in chunks.Contains("RSET", StringComparison.Ordinal) ? new[] { "NOOP", "RSET" } : ["NOOP"])
        {
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(command));
            await mta.SendAsync("250 ok\r\n", cancellationToken);
        }

        await sending;
        var replies = await client.ReadToEndAsync(cancellationToken);
        Assert.That(replies, Does.StartWith($"250 ok\r\n{TooMuchMail}\r\n{NeedMail}\r\n"));
        Assert.That(replies, Does.EndWith("421 4.7.0 mail.example.com Error: too much refused input\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Does.Not.Contain("BDAT").And.Not.Contain("x"));
        Assert.That(Shield.Log.Lines, Has.Exactly(1).EqualTo("unknown[127.0.0.1]: more than 10485760 octets of input that is refused, connection closed"));
        Assert.That(Shield.Log.Lines, Has.None.StartsWith("session ended"));
    }

    [Test, Property("Hazard", "DOS-5")]
    public async Task Line_TooLongWithoutEnd_EndsTheSessionBehindTheRepliesOwed([Values] bool inExchange, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        if (inExchange)
            await ExchangeAsync(client, mta, "AUTH LOGIN", "334 VXNlcm5hbWU6", cancellationToken);
        else
            await client.SendAsync("RSET\r\n", cancellationToken);
        var start = mta.ReceivedLength;
        await client.SendAsync(new string('x', 10 * 1024 * 1024 + 20_000), cancellationToken);
        if (!inExchange)
        {
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("RSET"));
            await mta.SendAsync("250 ok\r\n", cancellationToken);
        }

        Assert.That(await client.ReadToEndAsync(cancellationToken),
            Is.EqualTo((inExchange ? "" : "250 ok\r\n") + "421 4.7.0 mail.example.com Error: too much refused input\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Does.Not.Contain("x"));
    }

    [Test, Property("Hazard", "DOS-5")]
    public async Task Recipients_AboveTheRecipientLimit_AreRefusedHereAndAreNoErrors(
        [Values] bool pipelined, [Values] bool enhanced, CancellationToken cancellationToken)
    {
        Limit(static limits => limits with { RecipientLimit = 100, HardErrorLimit = 3, SoftErrorLimit = 3, RecipientOvershootLimit = 50 });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", enhanced ? "250-mx\r\n250 ENHANCEDSTATUSCODES" : "250 mx", cancellationToken);
        var start = mta.ReceivedLength;
        var refusal = enhanced ? "452 4.5.3 Error: too many recipients" : "452 Error: too many recipients";
        var answering = AnswerAsync();
        for (var message = 0; message < 2; message++)
        {
            Assert.That(await client.CommandAsync("MAIL FROM:<s@x>", cancellationToken), Is.EqualTo("250 ok"));
            var recipients = Enumerable.Range(0, 150).Select(static i => string.Create(CultureInfo.InvariantCulture, $"RCPT TO:<{i}@y>\r\n")).ToArray();
            if (pipelined)
                await client.SendAsync(string.Concat(recipients), cancellationToken);
            for (var i = 0; i < recipients.Length; i++)
            {
                if (!pipelined)
                    await client.SendAsync(recipients[i], cancellationToken);
                Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(i < 100 ? "250 ok" : refusal), recipients[i]);
            }

            Assert.That(await client.CommandAsync("RSET", cancellationToken), Is.EqualTo("250 ok"));
        }

        Assert.That(mta.Received[start..].Split("RCPT").Length - 1, Is.EqualTo(200));
        mta.Close();
        await answering;

        async Task AnswerAsync()
        {
            while (await mta.ReadLineAsync(cancellationToken) is not null)
                await mta.SendAsync("250 ok\r\n", cancellationToken);
        }
    }

    [Test, Property("Hazard", "DOS-5")]
    public async Task Recipients_AboveTheOvershootLimit_AreErrors(CancellationToken cancellationToken)
    {
        Limit(static limits => limits with { RecipientLimit = 1, HardErrorLimit = 3, SoftErrorLimit = 3, RecipientOvershootLimit = 5 });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<s@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<a@y>", "250 ok", cancellationToken);
        await client.SendAsync(string.Concat(Enumerable.Repeat("RCPT TO:<b@y>\r\n", 20)), cancellationToken);

        var refusals = string.Concat(Enumerable.Repeat("452 4.5.3 Error: too many recipients\r\n", 8));
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(refusals + "421 4.7.0 mail.example.com Error: too many errors\r\n"));
    }

    [Test, Property("Hazard", "DOS-10")]
    public async Task Mail_OfMessagesThatAreNeverFinished_IsCounted(CancellationToken cancellationToken)
    {
        Limit(static limits => limits with { ClientMessageRateLimit = 3 });
        for (var i = 0; i < 3; i++)
        {
            var (client, mta, start) = await BeginDataAsync(cancellationToken);
            await client.SendAsync(new string('x', 10_000), cancellationToken);
            await mta.ReadToLengthAsync(start + 10_000, cancellationToken);
            await client.VanishAsync(reset: true);
        }

        var (last, _) = await ConnectAsync(cancellationToken);
        Assert.That(await last.CommandAsync("MAIL FROM:<a@x>", cancellationToken), Is.EqualTo(TooMuchMail));
    }

    // Waiting commands must not outlive what they wait for.
    [TestCase("fin", "250 1\r\n")]
    [TestCase("mta", "421 4.3.0 mail.example.com Error: mail server unavailable\r\n")]
    [TestCase("drain", "250 1\r\n")]
    [Property("Hazard", "PIPE-1")]
    public async Task Recipient_WaitsForTheReplyToMail_EndsWithIt(string ending, string expected, CancellationToken cancellationToken)
    {
        Limit(static limits => limits with { ClientRecipientRateLimit = 1, HardErrorLimit = 2, SoftErrorLimit = 2 });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("MAIL FROM:<s@x>\r\nRCPT TO:<a@y>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        if (ending == "fin")
            client.EndSending();
        else if (ending == "drain")
            Shield.Drain.Begin();
        if (ending == "mta")
        {
            mta.Close();
        }
        else
        {
            await mta.SendAsync("250 1\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("RCPT TO:<a@y>"));
            await mta.SendAsync("250 2\r\n", cancellationToken);
            expected += $"250 2\r\n{TooManyRecipients}\r\n{TooManyRecipients}\r\n421 4.7.0 mail.example.com Error: too many errors\r\n";
        }

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(expected));
    }

    [Test, Property("Hazard", "TLS-9")]
    public async Task StartTls_AboveTheSessionRate_IsRefusedAndTheMtaNeverSeesIt(CancellationToken cancellationToken)
    {
        Limit(static limits => limits with { ClientNewTlsSessionRateLimit = 1 });
        var (first, firstMta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(first, firstMta, "STARTTLS", "454 not now", cancellationToken);
        await ExchangeAsync(first, firstMta, "STARTTLS", "220 go", cancellationToken);

        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Is.EqualTo("454 4.7.0 Error: too many new TLS sessions from unknown[127.0.0.1]"));
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        Assert.That(mta.Received, Is.EqualTo("NOOP\r\n"));
        Assert.That(Shield.Log.Lines, Does.Contain("Refusing STARTTLS request from unknown[127.0.0.1] for service smtp"));
    }

    [Test, Property("Hazard", "AUTH-5")]
    public async Task Auth_AboveTheRate_IsRefusedHereAndTheNextLineIsACommand(CancellationToken cancellationToken)
    {
        Limit(static limits => limits with { ClientAuthRateLimit = 1 });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "AUTH PLAIN AAA=", "535 no", cancellationToken);
        Assert.That(await client.CommandAsync("AUTH LOGIN", cancellationToken), Is.EqualTo("450 4.7.1 Error: too many AUTH commands from 127.0.0.1"));
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
    }

    private void Limit(Func<SmtpdLimitOptions, SmtpdLimitOptions> change) => Reconfigure(options => options with { Limits = change(options.Limits) });

    // Up to 1 message, which has been.
    private async Task<(Testing.Smtp.RawSmtpClient Client, Testing.Smtp.MtaConnection Mta, int Start)> BeginAboveTheMessageRateAsync(
        CancellationToken cancellationToken)
    {
        Limit(static limits => limits with { ClientMessageRateLimit = 1, ClientConnectionCountLimit = 0 });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", Chunking, cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<first@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RSET", "250 ok", cancellationToken);
        return (client, mta, mta.ReceivedLength);
    }

    private async Task NextWindowAsync(Testing.Smtp.RawSmtpClient client, CancellationToken cancellationToken)
    {
        await client.VanishAsync(reset: true);
        cancellationToken.ThrowIfCancellationRequested();
        Time!.Advance(TimeSpan.FromSeconds(61));
    }

    protected override bool HasFakeTime => true;
}
