using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>What counts as an error of a session, and what against its client in later sessions.</summary>
[CancelAfter(10_000)]
internal sealed class ErrorCountTests : RelayFixture
{
    private const string TooManyErrors = "421 4.7.0 mail.example.com Error: too many errors\r\n";

    protected override ShieldOptions Configure(ShieldOptions options) => options with
    {
        Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero, ClientErrorRateLimit = 1000, ClientAuthFailureRateLimit = 1000, SoftErrorLimit = 2,
            HardErrorLimit = 2, RecipientOvershootLimit = 1 },
    };

    [TestCase("RCPT TO:<a@b>", "550 5.1.1 no", 1, 0)]
    [TestCase("RCPT TO:<a@b>", "550-5.1.1 no\r\n550 5.1.1 really", 1, 0)]
    [TestCase("DATA", "554 5.5.1 no valid recipients", 1, 0)]
    [TestCase("RCPT TO:<a@b>", "450 4.2.0 greylisted", 0, 0)]
    [TestCase("RCPT TO:<a@b>", "451 4.3.0 later", 0, 0)]
    [TestCase("RCPT TO:<a@b>", "452 4.2.2 full", 0, 0)]
    [TestCase("AUTH PLAIN AAA=", "535 5.7.8 no", 1, 1)]
    [TestCase("AUTH PLAIN AAA=", "535 5.7.3 no", 1, 1, Description = "Exchange")]
    [TestCase("AUTH PLAIN AAA=", "535 5.7.0 no", 1, 1, Description = "Sendmail")]
    [TestCase("AUTH PLAIN AAA=", "525 5.7.13 disabled", 1, 1)]
    [TestCase("AUTH PLAIN AAA=", "550 5.7.1 no", 1, 1)]
    [TestCase("AUTH PLAIN", "550 5.7.1 not for you", 1, 0, Description = "without credentials AUTH is refused, not a login")]
    [TestCase("AUTH PLAIN AAA=", "454 4.7.0 later", 1, 0)]
    [TestCase("AUTH PLAIN AAA=", "501 5.5.2 not base64", 1, 0)]
    [TestCase("AUTH PLAIN AAA=", "504 5.7.4 what", 1, 0)]
    [TestCase("AUTH PLAIN AAA=", "530 5.7.0 TLS first", 1, 0)]
    [TestCase("AUTH PLAIN AAA=", "538 5.7.11 TLS first", 1, 0)]
    [TestCase("MAIL FROM:<a@b>", "535 5.7.8 what", 1, 0)]
    [TestCase("FOO", "500 what", 1, 0)]
    [Property("Hazard", "REP-errors")]
    public async Task Refusal_OfTheMta_IsAnErrorOfTheSessionAndMayBeOneOfTheClient(
        string command, string reply, int errors, int failures, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, command, reply, cancellationToken);
        await ExchangeAsync(client, mta, command, reply, cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(TooManyErrors));
        Assert.That((Counted(AnvilEvent.Error), Counted(AnvilEvent.AuthFailure)), Is.EqualTo((2 * errors, 2 * failures)));
    }

    [TestCase("RCPT TO:<a@b>", 0)]
    [TestCase("AUTH PLAIN AAA=", 1)]
    [Property("Hazard", "REP-errors")]
    public async Task Refusal_ThatEndsTheSession_IsOneOfTheClient(string command, int failures, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, command, "521 5.7.1 go away", cancellationToken);
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        Assert.That((Counted(AnvilEvent.Error), Counted(AnvilEvent.AuthFailure)), Is.EqualTo((1, failures)));
    }

    [TestCase("421 4.3.2 later")]
    [TestCase("25 what")]
    [TestCase("250-a\r\n550 b")]
    [TestCase("250 ok")]
    [Property("Hazard", "REP-errors")]
    public async Task Reply_ThatIsNoRefusal_CountsNothingAgainstTheClient(string reply, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("RCPT TO:<a@b>\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync(reply + "\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);

        Assert.That((Counted(AnvilEvent.Error), Counted(AnvilEvent.AuthFailure)), Is.EqualTo((0, 0)));
    }

    [TestCase("XCLIENT x")]
    [TestCase("NOOP \0")]
    [TestCase("MAIL FROM:<a@x> PRDR")]
    [Property("Hazard", "REP-errors")]
    public async Task Refusal_OfTheShield_IsAnErrorOfTheSessionOnly(string command, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await client.CommandAsync(command, cancellationToken), Does.StartWith("5"));
        Assert.That(await client.CommandAsync(command, cancellationToken), Does.StartWith("5"));

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(TooManyErrors));
        Assert.That(Counted(AnvilEvent.Error), Is.Zero);
        Assert.That(mta.ReceivedOfClient, Is.Empty);
    }

    [Test, Property("Hazard", "REP-errors")]
    public async Task TooManyRecipients_OfTheMta_IsAnErrorAboveTheOvershootLimit(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        for (var i = 0; i < 3; i++)
            await ExchangeAsync(client, mta, "RCPT TO:<a@b>", "452 4.5.3 too many", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(TooManyErrors));
    }

    [TestCase("DATA")]
    [TestCase("BDAT")]
    [Property("Hazard", "REP-errors"), Property("Hazard", "BDAT-10")]
    public async Task Message_Accepted_ClearsTheErrors(string by, CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<a@b>", "550 no", cancellationToken);
        if (by == "DATA")
            await ExchangeAsync(client, mta, "DATA", "354 go", cancellationToken);
        await client.SendAsync(by == "DATA" ? ".\r\n" : "BDAT 1 LAST\r\nx", cancellationToken);
        await mta.ReadThroughAsync(by == "DATA" ? ".\r\n" : "\r\nx", cancellationToken);
        await mta.SendAsync("250 queued\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 queued"));
        await ExchangeAsync(client, mta, "RCPT TO:<a@b>", "550 no", cancellationToken);
        await ExchangeAsync(client, mta, "NOOP", "250 still here", cancellationToken);
    }

    [Test, Property("Hazard", "BDAT-10")]
    public async Task Chunk_AcceptedThatIsNotTheLast_ClearsNothing(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<a@b>", "550 no", cancellationToken);
        await client.SendAsync("BDAT 1\r\nx", cancellationToken);
        await mta.ReadThroughAsync("\r\nx", cancellationToken);
        await mta.SendAsync("250 ok\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
        await ExchangeAsync(client, mta, "RCPT TO:<a@b>", "550 no", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(TooManyErrors));
    }

    [Test, Property("Hazard", "BDAT-6")]
    public async Task Chunk_Empty_IsJunk([Values] bool empty, CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Limits = options.Limits with { JunkCommandLimit = 3 } });
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        for (var i = 0; i < 5; i++)
        {
            await client.SendAsync(empty ? "BDAT 0\r\n" : "BDAT 1\r\nx", cancellationToken);
            await mta.ReadThroughAsync(empty ? "\r\n" : "\r\nx", cancellationToken);
            await mta.SendAsync("250 ok\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
        }

        if (empty)
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(TooManyErrors));
        else
            await ExchangeAsync(client, mta, "HELP", "214 still here", cancellationToken);
    }

    // The session that reaches the process limit has the stressed values and keeps them; those before it keep theirs.
    [Test, Property("Hazard", "DOS-3")]
    public async Task Stress_Begins_OnlySessionsFromThenOnHaveItsValues(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with
        {
            Listener = options.Listener with { DefaultProcessLimit = 3 },
            UnderStress = options with { Limits = options.Limits with { HardErrorLimit = 1, SoftErrorLimit = 1 },
                Smtpd = options.Smtpd with { LineLengthLimit = 512 } },
        });
        var (calm, calmMta) = await ConnectAsync(cancellationToken);
        var (second, secondMta) = await ConnectAsync(cancellationToken);
        var (stressed, stressedMta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(calm, calmMta, "NOOP " + new string('x', 600), "500 no", cancellationToken);
        await ExchangeAsync(calm, calmMta, "NOOP", "250 still here", cancellationToken);
        await ExchangeAsync(second, secondMta, "QUIT", "221 bye", cancellationToken);
        await second.ReadToEndAsync(cancellationToken);
        Assert.That(await stressed.CommandAsync("NOOP " + new string('x', 600), cancellationToken),
            Is.EqualTo("500 5.5.2 mail.example.com Error: command too long"));

        Assert.That(await stressed.ReadToEndAsync(cancellationToken), Is.EqualTo(TooManyErrors));
        Assert.That(stressedMta.ReceivedOfClient, Is.Empty);
    }

    [TestCase("550 5.7.1 no", 1)]
    [TestCase("501 5.7.0 cancelled", 0)]
    [Property("Hazard", "AUTH-5")]
    public async Task Refusal_BehindAChallenge_IsOneOfALogin(string reply, int failures, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "AUTH LOGIN", "334 VXNlcm5hbWU6", cancellationToken);
        await ExchangeAsync(client, mta, "YQ==", "334 UGFzc3dvcmQ6", cancellationToken);
        await ExchangeAsync(client, mta, "Yg==", reply, cancellationToken);

        Assert.That(Counted(AnvilEvent.AuthFailure), Is.EqualTo(failures));
    }

    // What Postfix has not got the MTA may have: it is bounded all the same.
    [TestCase("HELP", "214 do this", true)]
    [TestCase("HELP", "500 what", false)]
    [TestCase("EXPN list", "250 a@b", true)]
    [TestCase("ONEX", "250 one", true)]
    [TestCase("", "250 blank", true)]
    [TestCase("MAIL FROM:<a@x>", "250 nested", true, Description = "as RSET and MAIL")]
    [TestCase("RCPT TO:<a@x>", "250 ok", false)]
    [Property("Hazard", "REP-errors")]
    public async Task Success_OfWhatPostfixRefuses_IsJunk(string command, string reply, bool isJunk, CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Limits = options.Limits with { JunkCommandLimit = 3, SoftErrorLimit = 100, HardErrorLimit = 6 } });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<first@x>", "250 ok", cancellationToken);
        var free = isJunk ? 4 + 6 : reply[0] == '5' ? 6 : 20;
        for (var i = 0; i < free; i++)
            await ExchangeAsync(client, mta, command, reply, cancellationToken);

        if (isJunk || reply[0] == '5')
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(TooManyErrors));
        else
            await ExchangeAsync(client, mta, "NOOP", "250 still here", cancellationToken);
    }

    private int Counted(AnvilEvent kind) => Shield.Anvil.Peek(new(ServiceOptions.DefaultName, ClientRange.Of(IPAddress.Loopback, 32, 128))).Of(kind);
}
