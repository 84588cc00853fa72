using System.Net;
using SmtpShield.Clients;
using SmtpShield.FunctionalTests.Session;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Limits;

/// <summary>What a client may spend over all its sessions, in those that are open: however many there are and whatever each has in flight.</summary>
internal sealed class ClientBudgetTests : RelayFixture
{
    private const int Limit = 3;
    private const string TooManyErrors = "421 4.7.0 mail.example.com Error: too many errors from 127.0.0.1";
    private const string TooManyFailures = "421 4.7.0 mail.example.com Error: too many authentication failures from 127.0.0.1";
    private const string Offer = "250-mx\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING";

    protected override bool HasFakeTime => true;

    protected override ShieldOptions Configure(ShieldOptions options) => options with
    {
        // All sessions are of one client, which would have to wait for its share of the MTA's.
        Upstream = options.Upstream with { SessionLimit = 0 },
        Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero, ClientErrorRateLimit = Limit, ClientAuthFailureRateLimit = Limit },
    };

    [TestCase("MAIL FROM:<a@x>")]
    [TestCase("RCPT TO:<a@x>")]
    [TestCase("NOOP")]
    [TestCase("EHLO c")]
    [TestCase("AUTH PLAIN AAA=")]
    [TestCase("DATA")]
    [TestCase("BDAT 3 LAST")]
    [TestCase("WHATEVER")]
    public async Task Command_ErrorsSpentByOtherSessions_EndsTheSessionWithoutTheMta(string command, CancellationToken cancellationToken)
    {
        foreach (var parts in Splits(command + "\r\n"))
        {
            var (client, mta, start) = await BeginAsync(cancellationToken);
            Spend(AnvilEvent.Error, Limit + 1);
            await SendAsync(client, parts, cancellationToken);

            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(TooManyErrors + "\r\n"));
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.Received[start..], Is.Empty);
            Assert.That(Shield.Log.Lines, Does.Contain("Error rate limit exceeded: 4 from unknown[127.0.0.1] for service smtp"));
            Assert.That(Shield.Log.Lines, Has.None.StartsWith("session ended").And.None.StartsWith("lost connection"));
            NextWindow();
        }
    }

    [Test]
    public async Task Command_ErrorsAtTheLimit_GoesOn(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginAsync(cancellationToken);
        Spend(AnvilEvent.Error, Limit);
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
    }

    [Test]
    public async Task Command_InTheNextWindow_GoesOn(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginAsync(cancellationToken);
        Spend(AnvilEvent.Error, Limit + 1);
        NextWindow();
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
    }

    [Test]
    public async Task Quit_ErrorsSpent_IsTheMtasToAnswer(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginAsync(cancellationToken);
        Spend(AnvilEvent.Error, Limit + 1);
        await ExchangeAsync(client, mta, "QUIT", "221 bye", cancellationToken);
    }

    [Test, Property("Hazard", "LOSS-10")]
    public async Task Content_ErrorsSpentMeanwhile_IsDeliveredAndAcknowledgedFirst(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("x", cancellationToken);
        await mta.ReadThroughAsync("x", cancellationToken);
        Spend(AnvilEvent.Error, Limit + 1);
        await client.SendAsync("y\r\n.\r\nMAIL FROM:<next@x>\r\n", cancellationToken);
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        Assert.That(client.Unread(), Is.Empty, "only the MTA may speak of the message");
        await mta.SendAsync("250 queued\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo($"250 queued\r\n{TooManyErrors}\r\n"));
        Assert.That(mta.Received[start..], Is.EqualTo("xy\r\n.\r\n"));
    }

    [Test, Property("Hazard", "BDAT-10")]
    public async Task Chunks_ErrorsSpentMeanwhile_AreDeliveredToTheLast([Values] bool pipelined, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginAsync(cancellationToken);
        await client.SendAsync("BDAT 1\r\na", cancellationToken);
        await mta.ReadThroughAsync("a", cancellationToken);
        if (!pipelined)
            await AnswerAsync(client, mta, "250 1", cancellationToken);
        Spend(AnvilEvent.Error, Limit + 1);
        await client.SendAsync("BDAT 1\r\nbBDAT 1 LAST\r\ncMAIL FROM:<next@x>\r\n", cancellationToken);
        if (pipelined)
            await mta.SendAsync("250 1\r\n", cancellationToken);
        await mta.ReadThroughAsync("BDAT 1\r\nb", cancellationToken);
        await mta.SendAsync("250 2\r\n", cancellationToken);
        await mta.ReadThroughAsync("LAST\r\nc", cancellationToken);
        await mta.SendAsync("250 queued\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo($"{(pipelined ? "250 1\r\n" : "")}250 2\r\n250 queued\r\n{TooManyErrors}\r\n"));
        Assert.That(mta.Received[start..], Is.EqualTo("BDAT 1\r\naBDAT 1\r\nbBDAT 1 LAST\r\nc"));
    }

    [TestCase("503 5.5.1 no", "BDAT 1")]
    [TestCase("250 ok", "NOOP")]
    [TestCase("250 ok", "AUTH PLAIN AAA=")]
    public async Task Chunk_ErrorsSpent_IsNoCoverForOthers(string reply, string next, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginAsync(cancellationToken);
        await client.SendAsync("BDAT 1\r\na", cancellationToken);
        await mta.ReadThroughAsync("a", cancellationToken);
        await AnswerAsync(client, mta, reply, cancellationToken);
        Spend(AnvilEvent.Error, Limit + 1);

        Assert.That(await client.CommandAsync(next, cancellationToken), Is.EqualTo(TooManyErrors));
        Assert.That(mta.Received[start..], Is.EqualTo("BDAT 1\r\na"));
    }

    [Test, Property("Hazard", "PIPE-10")]
    public async Task Group_OfErrors_ReachesTheMtaUpToTheBudgetHoweverItIsCut(CancellationToken cancellationToken)
    {
        var sent = string.Concat(Enumerable.Range(0, 12).Select(static i => $"RCPT TO:<{i}@y>\r\n"));
        foreach (var parts in Splits(sent).Where(static (parts, index) => index % 12 == 0 || parts.Length > 2))
        {
            var (client, mta, start) = await BeginAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            var answering = AnswerAllAsync(mta, "550 5.1.1 no", cancellationToken);

            Assert.That(await client.ReadToEndAsync(cancellationToken),
                Is.EqualTo(string.Concat(Enumerable.Repeat("550 5.1.1 no\r\n", Limit + 1)) + TooManyErrors + "\r\n"));
            await answering;
            Assert.That(mta.Received[start..], Is.EqualTo(sent[..(15 * (Limit + 1))]));
            NextWindow();
        }
    }

    // A session that has nothing with the MTA may always have one command there: one each, what one of them has pipelined within the limit, and again as many
    // while the errors are within it.
    [Test]
    public async Task Groups_OfManySessionsAtOnce_ReachTheMtaUpToTwiceTheBudgetAndOneForEachOther(CancellationToken cancellationToken)
    {
        const int Sessions = 20;
        var sessions = new List<(RawSmtpClient Client, MtaConnection Mta, int Start)>();
        for (var i = 0; i < Sessions; i++)
            sessions.Add(await BeginAsync(cancellationToken));
        foreach (var (client, _, _) in sessions)
            await client.SendAsync(string.Concat(Enumerable.Repeat("RCPT TO:<a@y>\r\n", 15)), cancellationToken);
        foreach (var (_, mta, start) in sessions)
            await mta.ReadToLengthAsync(start + 15, cancellationToken);
        var answering = sessions.Select(session => AnswerAllAsync(session.Mta, "550 5.1.1 no", cancellationToken)).ToArray();
        foreach (var (client, _, _) in sessions)
            Assert.That(await client.ReadToEndAsync(cancellationToken), Does.EndWith(TooManyErrors + "\r\n"));
        await Task.WhenAll(answering);

        Assert.That(sessions.Sum(static session => (session.Mta.ReceivedOfClient.Length - session.Start) / 15), Is.LessThanOrEqualTo(2 * Limit + Sessions));
    }

    // Each accepted message clears the session's errors, so nothing else would end it.
    [Test, Property("Hazard", "AUTH-5")]
    public async Task Logins_OfOneSessionThatSendsMailBetween_EndAtTheLimit(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginAsync(cancellationToken);
        Reconfigure(static options => options with { Limits = options.Limits with { ClientErrorRateLimit = 0 } });
        for (var i = 0; i <= Limit; i++)
        {
            await ExchangeAsync(client, mta, "AUTH PLAIN AGEAYg==", "535 5.7.8 no", cancellationToken);
            await client.SendAsync("BDAT 1 LAST\r\nx", cancellationToken);
            await mta.ReadThroughAsync("LAST\r\nx", cancellationToken);
            await AnswerAsync(client, mta, "250 queued", cancellationToken);
        }

        start = mta.ReceivedLength;
        await client.SendAsync("AUTH PLAIN AGEAYg==\r\n", cancellationToken);
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(TooManyFailures + "\r\n"));
        Assert.That(mta.Received[start..], Is.Empty);
        Assert.That(Shield.Log.Lines, Does.Contain("Authentication failure rate limit exceeded: 4 from unknown[127.0.0.1] for service smtp"));
    }

    [Test, Property("Hazard", "AUTH-5")]
    public async Task Login_FailuresSpent_OtherCommandsGoOn(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginAsync(cancellationToken);
        Reconfigure(static options => options with { Limits = options.Limits with { ClientErrorRateLimit = 0 } });
        Spend(AnvilEvent.AuthFailure, Limit + 1);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        Assert.That(await client.CommandAsync("AUTH PLAIN AGEAYg==", cancellationToken), Is.EqualTo(TooManyFailures));
    }

    // All begin before any is answered: by an initial response, or parked at a challenge first.
    [Test, Property("Hazard", "AUTH-5")]
    public async Task Logins_OfFortySessionsAtOnce_ReachTheMtaUpToTheLimit([Values] bool parked, CancellationToken cancellationToken)
    {
        const int Sessions = 40;
        Reconfigure(static options => options with { Limits = options.Limits with { ClientErrorRateLimit = 0 } });
        var sessions = new List<(RawSmtpClient Client, MtaConnection Mta, int Start)>();
        for (var i = 0; i < Sessions; i++)
        {
            var (client, mta, _) = await BeginAsync(cancellationToken);
            if (parked)
                await ExchangeAsync(client, mta, "AUTH LOGIN YQ==", "334 UGFzc3dvcmQ6", cancellationToken);
            sessions.Add((client, mta, mta.ReceivedLength));
        }

        foreach (var (client, _, _) in sessions)
            await client.SendAsync(parked ? "Yg==\r\n" : "AUTH PLAIN AGEAYg==\r\n", cancellationToken);
        var answering = sessions.Select(session => AnswerAllAsync(session.Mta, "535 5.7.8 no", cancellationToken)).ToArray();
        var replies = await Task.WhenAll(sessions.Select(async session =>
        {
            var reply = await session.Client.ReplyAsync(cancellationToken);
            await session.Client.VanishAsync(reset: false);
            return reply;
        }));
        await Task.WhenAll(answering);

        Assert.That(sessions.Count(static session => session.Mta.Received[session.Start..] is not ("" or "QUIT\r\n" or "*\r\nQUIT\r\n")),
            Is.EqualTo(Limit + 1));
        Assert.That((replies.Count(static reply => reply == "535 5.7.8 no"), replies.Count(static reply => reply == TooManyFailures)),
            Is.EqualTo((Limit + 1, Sessions - Limit - 1)));
    }

    [TestCase("235 2.7.0 ok")]
    [TestCase("454 4.7.0 later")]
    [TestCase("334 UGFzc3dvcmQ6", Description = "a session that waits for its client keeps nobody waiting")]
    [TestCase(null, Description = "the MTA is lost")]
    [Property("Hazard", "AUTH-5")]
    public async Task Login_WhileOthersMaySpendTheBudget_WaitsForTheirReply(string? reply, CancellationToken cancellationToken)
    {
        var (first, firstMta, _) = await BeginAsync(cancellationToken);
        var (second, secondMta, start) = await BeginAsync(cancellationToken);
        Spend(AnvilEvent.AuthFailure, Limit);
        await first.SendAsync("AUTH LOGIN YQ==\r\n", cancellationToken);
        await firstMta.ReadThroughAsync("AUTH LOGIN YQ==\r\n", cancellationToken);
        await second.SendAsync("NOOP\r\nAUTH PLAIN AGEAYg==\r\n", cancellationToken);
        await secondMta.ReadThroughAsync("NOOP\r\n", cancellationToken);
        await AnswerAsync(second, secondMta, "250 ok", cancellationToken);
        Assert.That(secondMta.Received[start..], Is.EqualTo("NOOP\r\n"), "waits");

        if (reply is null)
            firstMta.Close();
        else
            await AnswerAsync(first, firstMta, reply, cancellationToken);
        await secondMta.ReadThroughAsync("AUTH PLAIN AGEAYg==\r\n", cancellationToken);
        await AnswerAsync(second, secondMta, "235 2.7.0 ok", cancellationToken);
    }

    [Test, Property("Hazard", "AUTH-5")]
    public async Task Login_RefusedByTheShield_KeepsNobodyWaiting(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Smtpd = options.Smtpd with { HeloRequired = true } });
        var (first, _) = await ConnectAsync(cancellationToken);
        Spend(AnvilEvent.AuthFailure, Limit);
        Assert.That(await first.CommandAsync("AUTH PLAIN AGEAYg==", cancellationToken), Is.EqualTo("503 5.5.1 Error: send HELO/EHLO first"));
        var (second, mta, _) = await BeginAsync(cancellationToken);
        await ExchangeAsync(second, mta, "AUTH PLAIN AGEAYg==", "235 2.7.0 ok", cancellationToken);
    }

    private async Task<(RawSmtpClient Client, MtaConnection Mta, int Start)> BeginAsync(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", Offer, cancellationToken);
        return (client, mta, mta.ReceivedLength);
    }

    // What another session of the same client has been told by the MTA.
    private void Spend(AnvilEvent kind, int count)
    {
        for (var i = 0; i < count; i++)
            Shield.Anvil.Count(new(ServiceOptions.DefaultName, ClientRange.Of(IPAddress.Loopback, 32, 128)), kind);
    }

    private void NextWindow() => Time!.Advance(TimeSpan.FromSeconds(61));

    private static async Task AnswerAsync(RawSmtpClient client, MtaConnection mta, string reply, CancellationToken cancellationToken)
    {
        await mta.SendAsync(reply + "\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply));
    }

    private static async Task AnswerAllAsync(MtaConnection mta, string reply, CancellationToken cancellationToken)
    {
        while (await mta.ReadLineAsync(cancellationToken) is not null)
            await mta.SendAsync(reply + "\r\n", cancellationToken);
    }
}
