using System.Globalization;
using SmtpShield.Options;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>One reply per command, in order, whoever gives it; what reaches the MTA, and when.</summary>
internal sealed class CommandOrderTests : RelayFixture
{
    protected override ShieldOptions Configure(ShieldOptions options) => options with { Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero } };

    [Test]
    [Property("Hazard", "PIPE-1")]
    public async Task Pipelined_RefusedHereBehindForwarded_AnsweredInItsPlace(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nXCLIENT ADDR=192.0.2.1\r\nRCPT TO:<c@y>\r\n", cancellationToken);
        Assert.That(await mta.ReadThroughAsync("<c@y>\r\n", cancellationToken), Is.EqualTo("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\n"));

        await mta.SendAsync("250 1\r\n250 2\r\n250 3\r\n", cancellationToken);

        Assert.That(await RepliesAsync(client, 4, cancellationToken), Is.EqualTo("250 1|250 2|550 5.7.0 Error: insufficient authorization|250 3"));
    }

    [TestCase("XCLIENT ADDR=1.2.3.4", "550 5.7.0 Error: insufficient authorization")]
    [TestCase("xforward NAME=x", "550 5.7.0 Error: insufficient authorization")]
    [TestCase("XCLIENT\vADDR=1.2.3.4", "550 5.7.0 Error: insufficient authorization")]
    [TestCase("\fXCLIENT\fADDR=1.2.3.4", "550 5.7.0 Error: insufficient authorization")]
    [TestCase("XEXCH50 1020 2", "500 5.5.2 Error: command not recognized")]
    [TestCase("TURN", "502 5.5.1 Error: command not implemented")]
    [TestCase("RCPT TO:<a@b>\0<c@d>", "500 5.5.2 Error: bad syntax")]
    [TestCase("RSET\rMAIL FROM:<a@b>", "500 5.5.2 Error: bad syntax")]
    [Property("Hazard", "CMD-2"), Property("Hazard", "CMD-8")]
    public async Task Command_NotForTheMta_IsRefusedHereHoweverItIsSplit(string command, string reply, CancellationToken cancellationToken)
    {
        foreach (var some in Splits(command + "\r\n").Chunk(9))
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

    [Test]
    [Property("Hazard", "CMD-1")]
    public async Task Line_EndedByBareLf_IsACommandOfItsOwn(CancellationToken cancellationToken)
    {
        foreach (var parts in Splits("RSET\nMAIL FROM:<a@b>\r\n"))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadThroughAsync("b>\r\n", cancellationToken), Is.EqualTo("RSET\r\nMAIL FROM:<a@b>\r\n"));
            await mta.SendAsync("250 1\r\n250 2\r\n", cancellationToken);
            Assert.That(await RepliesAsync(client, 2, cancellationToken), Is.EqualTo("250 1|250 2"));
        }
    }

    [Test]
    [Property("Hazard", "CMD-3")]
    public async Task Line_TooLong_IsDroppedWholeAndTheNextIsACommand(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("NOOP " + new string('x', 1 << 20) + "\r\nNOOP\r\n", cancellationToken);

        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("NOOP"));
        await mta.SendAsync("250 ok\r\n", cancellationToken);

        Assert.That(await RepliesAsync(client, 2, cancellationToken), Is.EqualTo("500 5.5.2 mail.example.com Error: command too long|250 ok"));
    }

    [Test]
    [Property("Hazard", "CMD-3")]
    public async Task Line_Endless_IsNotKept(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        var part = new byte[1 << 20];
        Array.Fill(part, (byte)'x');
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 64; i++)
            await client.SendAsync(part, cancellationToken);

        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(4 << 20));
        client.EndSending();
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received, Is.Empty);
    }

    [TestCase(" data ", "503 5.5.1 no", "NOOP")]
    [TestCase("dAtA", "503 5.5.1 no", "NOOP")]
    [TestCase("DATA x", "250 what", "NOOP")]
    [Property("Hazard", "CMD-5"), Property("Hazard", "CMD-7")]
    public async Task Data_NotAnsweredWith354_NextLineIsACommand(string data, string reply, string next, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, data, reply, cancellationToken);
        await ExchangeAsync(client, mta, next, "250 ok", cancellationToken);
    }

    [Test]
    [Property("Hazard", "CMD-6")]
    public async Task Command_With8BitOctets_ReachesTheMtaUnchanged(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "  MAIL From: <\u00fc\u00ff@x> SMTPUTF8\t", "250 ok", cancellationToken);
    }

    [TestCase("EHLO c")]
    [TestCase("HELO c")]
    [TestCase("NOOP")]
    [TestCase("VRFY a")]
    [TestCase("AUTH PLAIN AAA=")]
    [TestCase("WHATEVER x")]
    [TestCase("DATA")]
    [TestCase("")]
    public async Task Pipelined_BehindABarrier_ReachesTheMtaAfterTheReplyOnly(string barrier, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync($"{barrier}\r\nMAIL FROM:<a@x>\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(barrier));
        await mta.SendAsync("250-first line\r\n", cancellationToken);
        Assert.That(mta.Received, Is.EqualTo(barrier + "\r\n"));

        await mta.SendAsync("250 last line\r\n", cancellationToken);

        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<a@x>"));
    }

    [Test]
    public async Task Pipelined_ThousandBadRecipients_MtaSeesAsManyAsTheHardLimit(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync(string.Concat(Enumerable.Range(0, 1000).Select(static i => string.Create(CultureInfo.InvariantCulture, $"RCPT TO:<{i}@y>\r\n"))),
            cancellationToken);
        for (var i = 0; i < 20; i++)
        {
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo($"RCPT TO:<{i}@y>"));
            await mta.SendAsync($"550 {i}\r\n", cancellationToken);
        }

        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
        var expected = string.Concat(Enumerable.Range(0, 20).Select(static i => string.Create(CultureInfo.InvariantCulture, $"550 {i}\r\n")));
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(expected + "421 4.7.0 mail.example.com Error: too many errors\r\n"));
    }

    [Test]
    public async Task Pipelined_FromTheSoftLimitOn_OneCommandAtATimeReachesTheMta(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        for (var i = 0; i < 10; i++)
            await ExchangeAsync(client, mta, $"RCPT TO:<{i}@y>", "550 no", cancellationToken);
        var before = mta.ReceivedLength;
        await client.SendAsync("RCPT TO:<x@y>\r\nRCPT TO:<x@y>\r\nRCPT TO:<x@y>\r\n", cancellationToken);
        for (var i = 1; i <= 3; i++)
        {
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("RCPT TO:<x@y>"));
            Assert.That(mta.ReceivedLength - before, Is.EqualTo(15 * i));
            await mta.SendAsync($"250 {i}\r\n", cancellationToken);
        }

        Assert.That(await RepliesAsync(client, 3, cancellationToken), Is.EqualTo("250 1|250 2|250 3"));
    }

    [Test]
    [Property("Hazard", "PIPE-7")]
    public async Task Pipelined_HardLimitReachedInAGroup_EarlierRepliesThen421ThenNothing(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        for (var i = 0; i < 9; i++)
            await ExchangeAsync(client, mta, "RCPT TO:<x@y>", "550 no", cancellationToken);
        await client.SendAsync(string.Concat(Enumerable.Repeat("RCPT TO:<x@y>\r\n", 30)), cancellationToken);
        await mta.ReadToLengthAsync(20 * 15, cancellationToken);
        await mta.SendAsync(string.Concat(Enumerable.Repeat("550 no\r\n", 11)), cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken),
            Is.EqualTo(string.Concat(Enumerable.Repeat("550 no\r\n", 11)) + "421 4.7.0 mail.example.com Error: too many errors\r\n"));
        Assert.That(mta.ReceivedOfClient.Length, Is.EqualTo(20 * 15));
    }

    [Test]
    [Property("Hazard", "EHLO-1")]
    public async Task Ehlo_KeywordsTheShieldCannotFollow_AreRemovedAndTheLastLineIsTheLast(CancellationToken cancellationToken)
    {
        foreach (var parts in Splits("250-mx\r\n250-PIPELINING\r\n250 XCLIENT NAME\r\n").Where(static (_, index) => index % 5 == 0))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await client.SendAsync("EHLO c\r\n", cancellationToken);
            await mta.ReadLineAsync(cancellationToken);
            foreach (var part in parts)
                await mta.SendAsync(part, cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250-mx\n250 PIPELINING"));
        }
    }

    [Test]
    [Property("Hazard", "PIPE-13")]
    public async Task Pipelined_ClientThatNeverReads_IsHeldBackWithoutMemory(CancellationToken cancellationToken)
    {
        const int Recipients = 100_000;
        var (client, mta) = await ConnectAsync(cancellationToken, read: false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var sending = SendForeverAsync();
        var answering = AnswerAsync();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        long most = 0;
        for (var last = -1; last != mta.ReceivedLength;)
        {
            last = mta.ReceivedLength;
            await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, cancellationToken);
            most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before - (3 * mta.ReceivedLength));
        }

        Assert.That(most, Is.LessThan(4 << 20));
        Assert.That(mta.ReceivedLength, Is.LessThan(Recipients * 15));
        await stop.CancelAsync();
        await client.VanishAsync(reset: true);
        await Task.WhenAll(sending, answering);

        async Task SendForeverAsync()
        {
            try
            {
                for (var i = 0; i < Recipients / 100; i++)
                    await client.SendAsync(string.Concat(Enumerable.Repeat("RCPT TO:<x@y>\r\n", 100)), stop.Token);
            }
            catch (OperationCanceledException)
            {
                // Held back, as it should be.
            }
        }

        async Task AnswerAsync()
        {
            var reply = "250 " + new string('x', 400) + "\r\n";
            while (await mta.ReadLineAsync(cancellationToken) is not null)
                await mta.SendAsync(reply, cancellationToken);
        }
    }
}
