using SmtpShield.Options;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>Lines that no SMTP client sends, and line ends that parsers read differently, with the settings that are not the default.</summary>
[CancelAfter(8_000)]
internal sealed class OtherProtocolTests : RelayFixture
{
    private const string NotSmtp = "221 2.7.0 Error: I can break rules, too. Goodbye.\r\n";
    private const string SmtpExpected = "554 5.5.1 Error: SMTP protocol expected\r\n";
    private const string BadSyntax = "500 5.5.2 Error: bad syntax";
    private const string BareLf = "550 5.5.2 mail.example.com Error: bare <LF> received\r\n";

    protected override ShieldOptions Configure(ShieldOptions options) => options with
    {
        Smtpd = options.Smtpd with { ForbiddenCommands = ForbiddenCommandsParser.Parse("CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}") },
        Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero, HardErrorLimit = 5000, SoftErrorLimit = 5000 },
    };

    [TestCase("POST / HTTP/1.1")]
    [TestCase("get / HTTP/1.0")]
    [TestCase("CONNECT mx:25 HTTP/1.1")]
    [TestCase("OPTIONS * HTTP/1.1")]
    [TestCase("PRI * HTTP/2.0")]
    [TestCase("Host: x")]
    [TestCase("Content-Length:7")]
    [TestCase("<html>")]
    [TestCase("\u00fcber")]
    [Property("Hazard", "X-1")]
    public async Task Line_OfAnotherProtocol_EndsTheSessionBeforeAnythingBehindItIsRead(string line, CancellationToken cancellationToken)
    {
        foreach (var parts in Splits(line + "\r\n").Where(static (parts, index) => index % 4 == 0 || parts.Length > 2))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
            await SendAsync(client, [.. parts[..^1], parts[^1] + "Host: x\r\n\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n"], cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(NotSmtp));
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.Received, Is.EqualTo("NOOP\r\n"));
        }

        Assert.That(Shield.Log.Lines, Has.Some.StartsWith("non-SMTP command from unknown[127.0.0.1]: "));
    }

    [TestCase("data")]
    [TestCase("FOO")]
    [TestCase("MAIL FROM:<a:b@x>")]
    [TestCase("NOOP Host: x")]
    [TestCase("")]
    [Property("Hazard", "X-1")]
    public async Task Line_ThatMayBeACommand_ReachesTheMta(string line, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, line, "500 what", cancellationToken);
    }

    [TestCase("\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00fc\u0003\u0003")]
    [TestCase("\u0000")]
    [TestCase("\u00ff\u00fb\u001f")]
    [TestCase("\u007f")]
    [TestCase("SSH-2.0-OpenSSH_9.9\r\n")]
    [Property("Hazard", "X-3"), Property("Hazard", "X-4")]
    public async Task Start_OfAnotherProtocol_EndsTheSessionWithoutALineEnd(string start, CancellationToken cancellationToken)
    {
        foreach (var parts in Splits(start).Where(static parts => parts[0].Length > 0))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(SmtpExpected));
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.ReceivedOfClient, Is.Empty);
        }
    }

    [TestCase("RSET\nMAIL FROM:<a@b>\r\n")]
    [TestCase("\nNOOP\r\n")]
    [TestCase("NOOP\n\r\n")]
    [TestCase("RSET\r\0\nMAIL FROM:<a@b>\r\n")]
    [Property("Hazard", "CMD-1")]
    public async Task Line_WithALoneLfThatIsNotAccepted_IsRefusedWhole(string sent, CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Smtpd = options.Smtpd with { AcceptLfCommands = false } });
        foreach (var parts in Splits(sent + "NOOP\r\n"))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadThroughAsync("NOOP\r\n", cancellationToken), Is.EqualTo("NOOP\r\n"));
            await mta.SendAsync("250 ok\r\n", cancellationToken);
            Assert.That(await RepliesAsync(client, 2, cancellationToken), Is.EqualTo(BadSyntax + "|250 ok"));
        }
    }

    // Every line of up to five octets that line readers disagree on: the MTA gets whole lines with no such octet inside, one for each that was not
    // refused, and each line has one reply.
    [Test, Property("Hazard", "CMD-1"), Property("Hazard", "CMD-2"), CancelAfter(20_000)]
    public async Task Lines_OfAllOddOctets_AreOneCommandForShieldAndMtaEach([Values] bool acceptsLf, CancellationToken cancellationToken)
    {
        Reconfigure(options => options with { Smtpd = options.Smtpd with { AcceptLfCommands = acceptsLf, ForbiddenCommands = ForbiddenCommands.None },
            Limits = options.Limits with { JunkCommandLimit = 100_000 } });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "RSET", "250 ok", cancellationToken);
        var answering = AnswerAsync();
        const string Octets = "N\r\n\0";
        for (var number = 0; number < 1024; number++)
        {
            var line = string.Create(5, number, static (text, rest) =>
            {
                for (var i = 0; i < text.Length; i++, rest /= Octets.Length)
                    text[i] = Octets[rest % Octets.Length];
            });
            var start = mta.ReceivedLength;
            await client.SendAsync(line[..3], cancellationToken);
            await client.SendAsync(line[3..] + "\r\nVRFY mark\r\n", cancellationToken);
            var replies = 0;
            for (var refused = 0; ; replies++)
            {
                var reply = await client.ReplyAsync(cancellationToken);
                if (reply == "252 mark")
                {
                    Assert.That(replies - refused, Is.EqualTo(mta.Received[start..].Split("\r\n").Length - 2), Shown(line));
                    break;
                }

                refused += reply == BadSyntax ? 1 : 0;
            }

            Assert.That(replies,
                Is.EqualTo(acceptsLf ? (line + "\r\n").Count(static octet => octet == '\n') : (line + "\r\n").Split("\r\n").Length - 1), Shown(line));
            Assert.That(mta.Received[start..].Replace("\r\n", "", StringComparison.Ordinal).IndexOfAny(['\r', '\n', '\0']), Is.Negative, Shown(line));
        }

        mta.Close();
        await answering;

        async Task AnswerAsync()
        {
            while (await mta.ReadLineAsync(cancellationToken) is { } line)
                await mta.SendAsync(line == "VRFY mark" ? "252 mark\r\n" : "250 ok\r\n", cancellationToken);
        }

        static string Shown(string line) =>
            line.Replace("\r", "␍", StringComparison.Ordinal).Replace("\n", "␊", StringComparison.Ordinal).Replace("\0", "␀", StringComparison.Ordinal);
    }

    [TestCase("RSET\nNOOP\r\n")]
    [TestCase("\n")]
    [Property("Hazard", "EOD-13"), Property("Hazard", "CMD-1")]
    public async Task Command_EndedByALoneLfWhereThatIsRejected_EndsTheSession(string sent, CancellationToken cancellationToken)
    {
        Reject();
        foreach (var parts in Splits(sent))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(BareLf));
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.ReceivedOfClient, Is.Empty);
        }
    }

    [Test, Property("Hazard", "EOD-13"), Property("Hazard", "CMD-1")]
    public async Task SaslResponse_EndedByALoneLfWhereThatIsRejected_ReachesTheMtaAsByPostfix(CancellationToken cancellationToken)
    {
        Reject();
        foreach (var parts in Splits("AAA=\n"))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await ExchangeAsync(client, mta, "AUTH PLAIN", "334 ", cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadThroughAsync("\r\n", cancellationToken), Is.EqualTo("AAA=\r\n"));
            await mta.SendAsync("235 ok\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("235 ok"));
        }
    }

    [TestCase("a\n.x\r\n")]
    [TestCase("x\ny\r\n")]
    [TestCase("x\ry\r\n")]
    [TestCase("x\0y\r\n")]
    [Property("Hazard", "EOD-13")]
    public async Task Content_WithALoneLineEndWhereThatIsRejected_IsRefusedAndTheMtaNeverSeesAnEnd(string content, CancellationToken cancellationToken)
    {
        Reject();
        foreach (var parts in Splits(content + ".\r\n"))
        {
            var (client, mta, start) = await BeginDataAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("521 5.5.2 mail.example.com Error: bare <LF> received\r\n"));
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.Received[start..].IndexOfAny(['\r', '\n', '\0', '.']), Is.Negative);
        }
    }

    [TestCase(".x\r\n.\r\n")]
    [TestCase("a\r\n..\r\n.\r\n")]
    [Property("Hazard", "EOD-13")]
    public async Task Content_WithoutALoneLineEndWhereThatIsRejected_Passes(string content, CancellationToken cancellationToken)
    {
        Reject();
        foreach (var parts in Splits(content))
        {
            var (client, mta, _) = await BeginDataAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken), Is.EqualTo(content));
            await mta.SendAsync("250 ok\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
        }
    }

    [Test, Property("Hazard", "X-2")]
    public async Task Reply_OfTheShield_QuotesNothingOfTheInput(CancellationToken cancellationToken)
    {
        const string Script = "<script>alert(1)</script>";
        foreach (var line in (string[])[
            "XCLIENT " + Script, "XEXCH50 " + Script, "TURN " + Script, "POST " + Script, Script, "MAIL FROM:<" + Script + "> PRDR",
            "BDAT " + Script, "NOOP \0" + Script,
            "NOOP " + Script + new string('x', 5000), "SSH-" + Script, "\u0016" + Script, "MAIL FROM:<" + Script + ">"])
        {
            Reconfigure(options => options with { Smtpd = options.Smtpd with { HeloRequired = line.EndsWith(">>", StringComparison.Ordinal) } });
            var (client, mta) = await ConnectAsync(cancellationToken);
            await client.SendAsync(line + "\r\n", cancellationToken);
            var reply = await client.ReplyAsync(cancellationToken);
            Assert.That(reply, Does.Match("^[245]").And.Not.Contain("script"), line);
            Assert.That(mta.ReceivedOfClient, Is.Empty, line);
        }
    }

    private void Reject() => Reconfigure(static options => options with { Smtpd = options.Smtpd with { ForbidBareNewline = BareNewlinePolicy.Reject } });
}
