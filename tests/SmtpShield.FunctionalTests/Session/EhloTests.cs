using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>What a client gets to see of an EHLO reply, what may be done with it, and what is refused because it is not there.</summary>
internal sealed class EhloTests : RelayFixture
{
    protected override ShieldOptions Configure(ShieldOptions options) =>
        options with { Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero, SoftErrorLimit = 5000, HardErrorLimit = 5000 } };

    [TestCase("PIPELINING", "PIPELINING")]
    [TestCase("8BITMIME", "8BITMIME")]
    [TestCase("SMTPUTF8", "SMTPUTF8")]
    [TestCase("DSN", "DSN")]
    [TestCase("ENHANCEDSTATUSCODES", "ENHANCEDSTATUSCODES")]
    [TestCase("HELP", "HELP")]
    [TestCase("VRFY", "VRFY")]
    [TestCase("EXPN", "EXPN")]
    [TestCase("ETRN", "ETRN")]
    [TestCase("DELIVERBY 10", "DELIVERBY 10")]
    [TestCase("MT-PRIORITY MIXER", "MT-PRIORITY MIXER")]
    [TestCase("FUTURERELEASE 1 2", "FUTURERELEASE 1 2")]
    [TestCase("NO-SOLICITING", "NO-SOLICITING")]
    [TestCase("RRVS", "RRVS")]
    [TestCase("SIZE 18446744073709551615", "SIZE 18446744073709551615")]
    [TestCase("XVERP", "XVERP")]
    [TestCase("STARTTLS", "STARTTLS")]
    [TestCase("AUTH PLAIN LOGIN", "AUTH PLAIN LOGIN")]
    [TestCase("AUTH=PLAIN", "AUTH=PLAIN")]
    [TestCase("LIMITS RCPTMAX=5000 MAILMAX=7", "LIMITS RCPTMAX=1000 MAILMAX=7")]
    [TestCase("LIMITS MAILMAX=7 rcptmax=1001", "LIMITS MAILMAX=7 RCPTMAX=1000")]
    [TestCase("LIMITS RCPTMAX=999", "LIMITS RCPTMAX=999")]
    [TestCase("LIMITS RCPTMAX=x XRCPTMAX=5000", "LIMITS RCPTMAX=x XRCPTMAX=5000")]
    [TestCase("CHUNKING", "CHUNKING")]
    [TestCase("BINARYMIME", null)]
    [TestCase("CHUNKING|BINARYMIME", "CHUNKING|BINARYMIME")]
    [TestCase("BINARYMIME|CHUNKING", "BINARYMIME|CHUNKING")]
    [TestCase("XCLIENT NAME ADDR", null)]
    [TestCase("XFORWARD NAME ADDR", null)]
    [TestCase("XEXCH50", null)]
    [TestCase("X-ANONYMOUSTLS", null)]
    [TestCase("X-EXPS GSSAPI", null)]
    [TestCase("X-LINK2STATE", null)]
    [TestCase("XRDST", null)]
    [TestCase("XSHADOW", null)]
    [TestCase("XPROXY", null)]
    [TestCase("XSESSIONPARAMS", null)]
    [TestCase("PRDR", null)]
    [TestCase("BURL imap", null)]
    [TestCase("TURN", null)]
    [TestCase("ATRN", null)]
    [TestCase("PIPECONNECT", null)]
    [TestCase("X_PIPE_CONNECT", null)]
    [TestCase("REQUIRETLS", null)]
    [TestCase("XXXXXXXA", null)]
    [Property("Hazard", "EHLO-table"), Property("Hazard", "EHLO-2"), Property("Hazard", "EHLO-4")]
    public async Task Keyword_OfTheMta_IsPassedOrRemoved(string keywords, string? passed, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await EhloAsync(client, mta, keywords, cancellationToken), Is.EqualTo(Reply(passed)));
    }

    [TestCase("CHUNKING|BINARYMIME|SIZE", "SIZE")]
    [TestCase("SIZE|CHUNKING", "SIZE")]
    [Property("Hazard", "EHLO-table"), Property("Hazard", "BDAT-1")]
    public async Task Chunking_SwitchedOff_IsNotOfferedAndBdatEndsTheSession(string keywords, string passed, CancellationToken cancellationToken)
    {
        Set(static options => options with { Chunking = false });
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await EhloAsync(client, mta, keywords, cancellationToken), Is.EqualTo(Reply(passed)));
        await client.SendAsync("BDAT 6 LAST\r\nNOOP\r\n", cancellationToken);
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("521 Error: command not implemented\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received, Is.EqualTo("EHLO c\r\n"));
    }

    [TestCase("verp", "XVERP|SIZE", "SIZE")]
    [TestCase("chunking", "CHUNKING|BINARYMIME|SIZE", "SIZE")]
    [TestCase("PIPELINING", "PIPELINING|SIZE", "SIZE")]
    [TestCase("auth", "AUTH PLAIN|AUTH=PLAIN|SIZE", "SIZE")]
    [TestCase("silent-discard, dsn", "DSN", null)]
    [Property("Hazard", "EHLO-table")]
    public async Task Keyword_Discarded_IsNotOffered(string discard, string keywords, string? passed, CancellationToken cancellationToken)
    {
        Set(options => options with { DiscardEhloKeywords = discard.Split(", ") });
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await EhloAsync(client, mta, keywords, cancellationToken), Is.EqualTo(Reply(passed)));
        Assert.That(Shield.Log.Lines.Count(static line => line.StartsWith("discarding EHLO keywords: ", StringComparison.Ordinal)),
            Is.EqualTo(discard.StartsWith("silent", StringComparison.Ordinal) ? 0 : 1));
    }

    [TestCase("STARTTLS", "STARTTLS", "502 5.5.1 Error: command not implemented")]
    [TestCase("AUTH", "AUTH PLAIN AAA=", "503 5.5.1 Error: authentication not enabled")]
    [TestCase("DSN", "MAIL FROM:<a@x> RET=HDRS", "501 5.7.1 DSN support is disabled")]
    [TestCase("DSN", "MAIL FROM:<a@x> BODY=8BITMIME ENVID=x", "501 5.7.1 DSN support is disabled")]
    [TestCase("DSN", "RCPT TO:<a@x> NOTIFY=NEVER", "501 5.7.1 DSN support is disabled")]
    [TestCase("DSN", "RCPT TO:<a@x> orcpt=rfc822;a@x", "501 5.7.1 DSN support is disabled")]
    [TestCase("SIZE", "MAIL FROM:<a@x> PRDR", "555 5.5.4 Unsupported option: PRDR")]
    [TestCase("SIZE", "MAIL FROM:<a@x> SIZE=1 prdr", "555 5.5.4 Unsupported option: PRDR")]
    [TestCase("SIZE", "LHLO c", "500 5.5.2 Error: command not recognized")]
    [TestCase("SIZE", "BURL imap://x LAST", "502 5.5.1 Error: command not implemented")]
    [TestCase("SIZE", "ATRN", "502 5.5.1 Error: command not implemented")]
    [TestCase("SIZE", "XEXCH50 1020 2", "500 5.5.2 Error: command not recognized")]
    [Property("Hazard", "EHLO-table"), Property("Hazard", "CMD-8")]
    public async Task Command_OfAKeywordThatIsNotOffered_IsRefusedHere(string discard, string command, string reply, CancellationToken cancellationToken)
    {
        Set(options => options with { DiscardEhloKeywords = [discard] });
        foreach (var some in Splits(command + "\r\n").Where(static (parts, index) => index % 4 == 0 || parts.Length > 2).Chunk(9))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            foreach (var parts in some)
            {
                await SendAsync(client, parts, cancellationToken);
                Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply));
            }

            Assert.That(mta.Received, Is.Empty);
        }
    }

    [TestCase("MAIL FROM:<PRDR@x>")]
    [TestCase("MAIL FROM:<a@x> SIZE=99999999999999999999")]
    [TestCase("MAIL FROM:<a@x> XVERP=+=")]
    [TestCase("RCPT TO:<a@x> RET=HDRS")]
    [TestCase("STARTTLS x")]
    [Property("Hazard", "EHLO-table")]
    public async Task Command_ThatOnlyLooksLikeIt_ReachesTheMta(string command, CancellationToken cancellationToken)
    {
        Set(static options => options with { DiscardEhloKeywords = ["DSN", "STARTTLS"] });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, command, "501 mine", cancellationToken);
    }

    [Test, Property("Hazard", "EHLO-5")]
    public async Task Ehlo_InATransaction_EndsItHereToo(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Limits = options.Limits with { RecipientLimit = 1, ClientMessageRateLimit = 2 } });
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        for (var i = 0; i < 2; i++)
        {
            await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
            await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
            Assert.That(await client.CommandAsync("RCPT TO:<c@y>", cancellationToken), Does.StartWith("452 4.5.3"));
            await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250 ENHANCEDSTATUSCODES", cancellationToken);
            await ExchangeAsync(client, mta, "DATA", "503 5.5.1 no", cancellationToken);
        }

        // Was it still the first transaction, this one would be nested and the MTA's to refuse.
        Assert.That(await client.CommandAsync("MAIL FROM:<a@x>", cancellationToken), Does.StartWith("450 4.7.1"));
    }

    // What is known of the MTA's codes before EHLO, with them and without.
    [Test, Property("Hazard", "REP-12")]
    public async Task LocalReply_OfAnyKind_HasACodeUnlessTheMtaHasNone(
        [Values(
            "XCLIENT x|550 5.7.0 Error: insufficient authorization",
            "XEXCH50 1|500 5.5.2 Error: command not recognized",
            "TURN|502 5.5.1 Error: command not implemented",
            "NOOP \0|500 5.5.2 Error: bad syntax",
            "NOOP {long}|500 5.5.2 mail.example.com Error: command too long",
            "MAIL FROM:<a@x>|450 4.7.1 Error: too much mail from 127.0.0.1",
            "VRFY a|450 4.7.1 Error: too many recipients from 127.0.0.1",
            "AUTH PLAIN AAA=|450 4.7.1 Error: too many AUTH commands from 127.0.0.1",
            "STARTTLS|454 4.7.0 Error: too many new TLS sessions from unknown[127.0.0.1]",
            "BDAT x|521 5.5.4 Syntax: BDAT count [LAST]",
            "Host: x|221 2.7.0 Error: I can break rules, too. Goodbye.",
            "DATA\r\nx|554 5.5.0 Error: SMTP protocol synchronization",
            "QUIT{close}|221 2.0.0 Bye",
            "NOOP{close}|421 4.3.0 mail.example.com Error: mail server unavailable",
            "{drain}|421 4.3.2 mail.example.com Service not available, closing transmission channel")] string exchange,
        [Values(null, true, false)] bool? offers,
        CancellationToken cancellationToken)
    {
        var (command, reply) = (exchange.Split('|')[0], exchange.Split('|')[1]);
        if (offers is null && command.StartsWith("BDAT", StringComparison.Ordinal))
            reply = "521 5.5.1 Error: command not implemented";
        Reconfigure(static options => options with
        {
            Limits = options.Limits with { ClientMessageRateLimit = 1, ClientRecipientRateLimit = 1, ClientAuthRateLimit = 1,
                ClientNewTlsSessionRateLimit = 1 },
            Smtpd = options.Smtpd with { ForbidUnauthPipelining = true },
        });
        var (first, firstMta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(first, firstMta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(first, firstMta, "VRFY x", "252 ok", cancellationToken);
        await ExchangeAsync(first, firstMta, "AUTH PLAIN AAA=", "235 ok", cancellationToken);
        await ExchangeAsync(first, firstMta, "STARTTLS", "220 go", cancellationToken);
        var (client, mta) = await ConnectAsync(cancellationToken);
        if (offers is { } has)
            await ExchangeAsync(client, mta, "EHLO c", has ? "250-mx\r\n250-CHUNKING\r\n250 ENHANCEDSTATUSCODES" : "250-mx\r\n250 CHUNKING", cancellationToken);
        var line = command.Replace("{long}", new string('x', 3000), StringComparison.Ordinal).Replace("{close}", "", StringComparison.Ordinal);
        if (command == "{drain}")
            Shield.Drain.Begin();
        else
            await client.SendAsync(line + "\r\n", cancellationToken);
        if (command.EndsWith("{close}", StringComparison.Ordinal))
        {
            await mta.ReadLineAsync(cancellationToken);
            mta.Close();
        }

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(offers is false ? reply.Remove(4, 6) : reply));
    }

    private void Set(Func<SmtpdOptions, SmtpdOptions> change) => Reconfigure(options => options with { Smtpd = change(options.Smtpd) });

    private static async Task<string> EhloAsync(
        Testing.Smtp.RawSmtpClient client, Testing.Smtp.MtaConnection mta, string keywords, CancellationToken cancellationToken)
    {
        await client.SendAsync("EHLO c\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync(Reply(keywords).Replace("\n", "\r\n", StringComparison.Ordinal) + "\r\n", cancellationToken);
        return await client.ReplyAsync(cancellationToken);
    }

    private static string Reply(string? keywords)
    {
        string[] lines = ["mx", .. keywords?.Split('|') ?? []];
        return string.Join('\n', lines.Select((line, index) => $"250{(index < lines.Length - 1 ? '-' : ' ')}{line}"));
    }
}
