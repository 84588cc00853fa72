using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>BDAT: exactly its octets, whatever they say and whatever the MTA answers; and none where the MTA has not offered CHUNKING.</summary>
[CancelAfter(15_000)]
internal sealed class ChunkTests : RelayFixture
{
    [Test]
    [Property("Hazard", "BDAT-1")]
    public async Task Chunk_WithCommandsInIt_IsOctets(CancellationToken cancellationToken)
    {
        const string Sent = "BDAT 18\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n";
        foreach (var parts in Splits(Sent))
        {
            var (client, mta, start) = await BeginChunksAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            await mta.ReadToLengthAsync(start + Sent.Length, cancellationToken);
            await mta.SendAsync("503 no\r\n250 ok\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("503 no"));
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
            Assert.That(mta.Received[start..], Is.EqualTo(Sent));
        }
    }

    [TestCase("BDAT")]
    [TestCase("BDAT -1")]
    [TestCase("BDAT +5")]
    [TestCase("BDAT 0x10")]
    [TestCase("BDAT 010")]
    [TestCase("BDAT 5 LASTX")]
    [TestCase("BDAT 5 LAST x")]
    [TestCase("BDAT 99999999999999999999")]
    [TestCase("BDAT 4294967300")]
    [TestCase("BDAT 5\tLAST")]
    [TestCase("BDAT\v5\vLAST")]
    [Property("Hazard", "BDAT-2")]
    public async Task Command_ReadDifferentlyByTwoParsers_IsRefusedAndEndsTheSession(string command, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginChunksAsync(cancellationToken);
        await client.SendAsync(command + "\r\nhello", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("521 5.5.4 Syntax: BDAT count [LAST]\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Is.Empty);
    }

    [TestCase("bdat 5  last ", "BDAT 5 LAST")]
    [TestCase("BDAT 5", "BDAT 5")]
    [TestCase(" BDAT\t5 LAST", "BDAT 5 LAST")]
    [Property("Hazard", "BDAT-2")]
    public async Task Command_WellFormed_IsForwardedInOneForm(string sent, string received, CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        await client.SendAsync(sent + "\r\nhello", cancellationToken);

        Assert.That(await mta.ReadThroughAsync("hello", cancellationToken), Is.EqualTo(received + "\r\nhello"));
    }

    [Test]
    [Property("Hazard", "BDAT-4")]
    public async Task Chunks_BehindAnError_KeepTheirPlaces(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginChunksAsync(cancellationToken);
        const string Sent = "BDAT 5\r\nhelloBDAT 5\r\nhelloBDAT 5 LAST\r\nhello";
        await client.SendAsync(Sent + "NOOP\r\n", cancellationToken);
        await mta.ReadToLengthAsync(start + Sent.Length, cancellationToken);
        await mta.SendAsync("552 1\r\n503 2\r\n503 3\r\n", cancellationToken);
        Assert.That(await mta.ReadThroughAsync("NOOP\r\n", cancellationToken), Is.EqualTo(Sent + "NOOP\r\n"));
        await mta.SendAsync("250 4\r\n", cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("552 1"));
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("503 2"));
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("503 3"));
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 4"));
    }

    [TestCase("503 no", "503 no\r\n421 4.3.0 mail.example.com Error: mail server unavailable\r\n")]
    [TestCase("250 ok", "421 4.3.0 mail.example.com Error: mail server unavailable\r\n")]
    [Property("Hazard", "BDAT-5")]
    public async Task Chunk_AnsweredBeforeItsEnd_OnlyARefusalIsPassedOnAndTheSessionEnds(string early, string replies, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginChunksAsync(cancellationToken);
        await client.SendAsync("BDAT 1000000 LAST\r\n0123456789", cancellationToken);
        await mta.ReadThroughAsync("0123456789", cancellationToken);
        await mta.SendAsync(early + "\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(replies));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Is.EqualTo("BDAT 1000000 LAST\r\n0123456789"));
    }

    [TestCase("BDAT 0 LAST\r\n")]
    [TestCase("BDAT 3 LAST\r\na\r\n")]
    [TestCase("BDAT 11 LAST\r\na\n.\r\n.\r\nQUI")]
    [Property("Hazard", "BDAT-7"), Property("Hazard", "BDAT-9")]
    public async Task Chunk_Last_IsAnsweredAndTheNextLineIsACommand(string chunk, CancellationToken cancellationToken)
    {
        foreach (var parts in Splits(chunk + "NOOP\r\n"))
        {
            var (client, mta, _) = await BeginChunksAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadThroughAsync(chunk, cancellationToken), Is.EqualTo(chunk));
            await mta.SendAsync("250 queued\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("NOOP"));
            await mta.SendAsync("250 next\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 queued"));
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 next"));
        }
    }

    [Test]
    [Property("Hazard", "BDAT-8")]
    public async Task Data_RefusedBehindAChunk_NextLineIsACommand(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        await client.SendAsync("BDAT 5\r\nhello", cancellationToken);
        await mta.ReadThroughAsync("hello", cancellationToken);
        await mta.SendAsync("250 ok\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
        await ExchangeAsync(client, mta, "DATA", "503 no", cancellationToken);
        await ExchangeAsync(client, mta, "RSET", "250 ok", cancellationToken);
    }

    [Test]
    [Property("Hazard", "BDAT-11")]
    public async Task Client_EndsInsideAChunk_MtaSeesTheCloseAndNothingElse(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginChunksAsync(cancellationToken);
        await client.SendAsync("BDAT 1000\r\n0123456789", cancellationToken);
        client.EndSending();

        Assert.That(await mta.Ended.WaitAsync(cancellationToken), Is.EqualTo(MtaEnding.Fin));
        Assert.That(mta.Received[start..], Is.EqualTo("BDAT 1000\r\n0123456789"));
    }

    [Test]
    public async Task Client_EndsInsideAChunk_CommandsBeforeItAreAnswered(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginChunksAsync(cancellationToken);
        await client.SendAsync("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 1000\r\n0123456789", cancellationToken);
        client.EndSending();
        await mta.ReadThroughAsync("0123456789", cancellationToken);
        await mta.SendAsync("250 one\r\n", cancellationToken);
        await mta.SendAsync("250 two\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("250 one\r\n250 two\r\n"));
        Assert.That(await mta.Ended.WaitAsync(cancellationToken), Is.EqualTo(MtaEnding.Fin));
        Assert.That(mta.Received[start..], Is.EqualTo("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 1000\r\n0123456789"));
    }

    [TestCase(null, null)]
    [TestCase("EHLO c", "250-mx\r\n250 ENHANCEDSTATUSCODES")]
    [TestCase("EHLO c", "250-mx CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n250 HELP CHUNKING")]
    [TestCase("EHLO c", "250-CHUNKING\r\n250 ENHANCEDSTATUSCODES")]
    [TestCase("EHLO c", "502-no\r\n502 CHUNKING")]
    [TestCase("HELO c", "250-mx\r\n250 CHUNKING")]
    [TestCase("NOOP", "250-mx\r\n250 CHUNKING")]
    public async Task Command_ChunkingNotOffered_IsRefusedAndNothingOfTheChunkReachesTheMta(string? command, string? reply, CancellationToken cancellationToken)
    {
        foreach (var parts in Splits("BDAT 18 LAST\r\nXCLIENT ADDR=::1\r\nNOOP\r\n").Where(static parts => parts.Length < 3))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            if (command is not null)
                await ExchangeAsync(client, mta, command, reply!, cancellationToken);
            var start = mta.ReceivedLength;
            await SendAsync(client, parts, cancellationToken);

            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("521 5.5.1 Error: command not implemented\r\n"));
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.Received[start..], Is.Empty);
        }
    }

    [Test]
    public async Task Command_ChunkingNotOfferedAndInAGroup_IsRefusedInItsPlaceAndTheRestDropped(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250-ENHANCEDSTATUSCODES\r\n250 PIPELINING", cancellationToken);
        var start = mta.ReceivedLength;
        const string Forwarded = "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n";
        await client.SendAsync(Forwarded + "BDAT 6\r\nNOOP\r\nBDAT 6 LAST\r\nNOOP\r\nNOOP\r\n", cancellationToken);
        await mta.ReadToLengthAsync(start + Forwarded.Length, cancellationToken);
        await mta.SendAsync("250 1\r\n250 2\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("250 1\r\n250 2\r\n521 5.5.1 Error: command not implemented\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Is.EqualTo(Forwarded));
    }

    [Test]
    public async Task Command_BehindEhloInOneWrite_IsJudgedByItsReply([Values] bool offers, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("EHLO c\r\nBDAT 5 LAST\r\nhello", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("EHLO c"));
        await mta.SendAsync(offers ? "250-mx\r\n250 chunking\r\n" : "250-mx\r\n250 ENHANCEDSTATUSCODES\r\n", cancellationToken);
        if (offers)
        {
            Assert.That(await mta.ReadThroughAsync("hello", cancellationToken), Is.EqualTo("BDAT 5 LAST\r\nhello"));
            return;
        }

        Assert.That(await client.ReadToEndAsync(cancellationToken),
            Is.EqualTo("250-mx\r\n250 ENHANCEDSTATUSCODES\r\n521 5.5.1 Error: command not implemented\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received, Is.EqualTo("EHLO c\r\n"));
    }

    [Test]
    public async Task Command_LastEhloDidNotOfferChunking_IsRefused(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250 ENHANCEDSTATUSCODES", cancellationToken);
        var start = mta.ReceivedLength;
        await client.SendAsync("BDAT 5 LAST\r\nhello", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("521 5.5.1 Error: command not implemented\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Is.Empty);
    }

    [TestCase("EHLO c", "501 no")]
    [TestCase("HELO c", "250 mx")]
    public async Task Command_ChunkingOfferedBefore_IsStillForwarded(string command, string reply, CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        await ExchangeAsync(client, mta, command, reply, cancellationToken);
        await client.SendAsync("BDAT 5 LAST\r\nhello", cancellationToken);

        Assert.That(await mta.ReadThroughAsync("hello", cancellationToken), Is.EqualTo("BDAT 5 LAST\r\nhello"));
    }

    [TestCase("DATA", "354 go", "x\r\n.\r\n")]
    [TestCase(null, null, "BDAT 1 LAST\r\nx")]
    public async Task Message_Refused_IsLoggedInTheWordsOfPostfixsProxy(string? command, string? reply, string content, CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
        if (command is not null)
            await ExchangeAsync(client, mta, command, reply!, cancellationToken);
        await client.SendAsync(content, cancellationToken);
        await mta.ReadThroughAsync(content, cancellationToken);
        await mta.SendAsync("550 5.7.1 no\r\n", cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("550 5.7.1 no"));
        Assert.That(Shield.Log.Lines, Has.One.EqualTo("proxy-reject: END-OF-MESSAGE: 550 5.7.1 no; from=<a@x> to=<b@y> proto=ESMTP helo=<c>"));
        Assert.That(Shield.Log.Lines, Has.None.Contains(": reject:"));
    }

    [Test]
    public async Task LastChunk_WithoutARecipient_IsNoMessageThatWasRefused(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        await client.SendAsync("BDAT 1 LAST\r\nx", cancellationToken);
        await mta.ReadThroughAsync("\r\nx", cancellationToken);
        await mta.SendAsync("503 5.5.1 Error: need RCPT command\r\n", cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("503 5.5.1"));
        Assert.That(Shield.Log.Lines, Has.None.Contains("reject"));
    }
}
