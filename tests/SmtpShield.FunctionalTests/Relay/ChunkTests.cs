using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Relay;

/// <summary>BDAT: exactly its octets, whatever they say and whatever the MTA answers.</summary>
[CancelAfter(15_000)]
internal sealed class ChunkTests : RelayFixture
{
    [Test]
    public async Task Chunk_WithCommandsInIt_IsOctets(CancellationToken cancellationToken)
    {
        const string Sent = "BDAT 18\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n";
        foreach (var parts in Splits(Sent))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            await mta.ReadToLengthAsync(Sent.Length, cancellationToken);
            await mta.SendAsync("503 no\r\n250 ok\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("503 no"));
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
            Assert.That(mta.Received, Is.EqualTo(Sent));
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
    public async Task Command_ReadDifferentlyByTwoParsers_IsRefusedAndEndsTheSession(string command, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync(command + "\r\nhello", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("521 5.5.4 Syntax: BDAT count [LAST]\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received, Is.Empty);
    }

    [TestCase("bdat 5  last ", "BDAT 5 LAST")]
    [TestCase("BDAT 5", "BDAT 5")]
    [TestCase(" BDAT\t5 LAST", "BDAT 5 LAST")]
    public async Task Command_WellFormed_IsForwardedInOneForm(string sent, string received, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync(sent + "\r\nhello", cancellationToken);

        Assert.That(await mta.ReadThroughAsync("hello", cancellationToken), Is.EqualTo(received + "\r\nhello"));
    }

    [Test]
    public async Task Chunks_BehindAnError_KeepTheirPlaces(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        const string Sent = "BDAT 5\r\nhelloBDAT 5\r\nhelloBDAT 5 LAST\r\nhello";
        await client.SendAsync(Sent + "NOOP\r\n", cancellationToken);
        await mta.ReadToLengthAsync(Sent.Length, cancellationToken);
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
    public async Task Chunk_AnsweredBeforeItsEnd_OnlyARefusalIsPassedOnAndTheSessionEnds(string early, string replies, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("BDAT 1000000 LAST\r\n0123456789", cancellationToken);
        await mta.ReadThroughAsync("0123456789", cancellationToken);
        await mta.SendAsync(early + "\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(replies));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received, Is.EqualTo("BDAT 1000000 LAST\r\n0123456789"));
    }

    [TestCase("BDAT 0 LAST\r\n")]
    [TestCase("BDAT 3 LAST\r\na\r\n")]
    [TestCase("BDAT 11 LAST\r\na\n.\r\n.\r\nQUI")]
    public async Task Chunk_Last_IsAnsweredAndTheNextLineIsACommand(string chunk, CancellationToken cancellationToken)
    {
        foreach (var parts in Splits(chunk + "NOOP\r\n"))
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
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
    public async Task Data_RefusedBehindAChunk_NextLineIsACommand(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("BDAT 5\r\nhello", cancellationToken);
        await mta.ReadThroughAsync("hello", cancellationToken);
        await mta.SendAsync("250 ok\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
        await ExchangeAsync(client, mta, "DATA", "503 no", cancellationToken);
        await ExchangeAsync(client, mta, "RSET", "250 ok", cancellationToken);
    }

    [Test]
    public async Task Client_EndsInsideAChunk_MtaSeesTheCloseAndNothingElse(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("BDAT 1000\r\n0123456789", cancellationToken);
        client.EndSending();

        Assert.That(await mta.Ended.WaitAsync(cancellationToken), Is.EqualTo(MtaEnding.Fin));
        Assert.That(mta.Received, Is.EqualTo("BDAT 1000\r\n0123456789"));
    }
}
