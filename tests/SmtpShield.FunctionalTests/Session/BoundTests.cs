using System.Globalization;
using System.Net;
using SmtpShield.Options;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>Much of everything: chunks, recipients, clients, sessions; and both directions at once.</summary>
internal sealed class BoundTests : RelayFixture
{
    private const int Most = 10_000;

    protected override int? MtaReceiveBuffer => 4096;

    protected override ShieldOptions Configure(ShieldOptions options) =>
        options with { Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero, SoftErrorLimit = 100_000, HardErrorLimit = 100_000,
            JunkCommandLimit = 100_000 } };

    [TestCase("BDAT 100", true)]
    [TestCase("BDAT 101", false)]
    [TestCase("BDAT 101 LAST", false)]
    [Property("Hazard", "BDAT-2")]
    public async Task Chunk_AroundTheLargest_IsForwardedUpToIt(string command, bool isForwarded, CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Smtpd = options.Smtpd with { MaxChunk = 100 } });
        var (client, mta, start) = await BeginChunksAsync(cancellationToken);
        await client.SendAsync(command + "\r\nhello", cancellationToken);
        if (isForwarded)
        {
            Assert.That(await mta.ReadThroughAsync("hello", cancellationToken), Is.EqualTo(command + "\r\nhello"));
            return;
        }

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("521 5.5.4 Syntax: BDAT count [LAST]\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Is.Empty);
    }

    [Test, Property("Hazard", "BDAT-6")]
    public async Task Chunks_WithoutEnd_EndTheSession([Values("BDAT 1\r\nx", "BDAT 0\r\n")] string chunk, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginChunksAsync(cancellationToken);
        var answering = AnswerAsync(mta, chunk[^1] == 'x' ? "\r\nx" : "\r\n", cancellationToken);
        await client.SendAsync(string.Concat(Enumerable.Repeat(chunk, Most * 2)), cancellationToken);

        var replies = await client.ReadToEndAsync(cancellationToken);
        Assert.That(replies, Is.EqualTo(string.Concat(Enumerable.Repeat("250 ok\r\n", Most)) + "421 4.7.0 mail.example.com Error: too many BDAT commands\r\n"));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.ReceivedLength - start, Is.EqualTo(Most * chunk.Length));
        await answering;
    }

    [TestCase("RSET\r\n")]
    [TestCase("BDAT 0 LAST\r\n")]
    [Property("Hazard", "BDAT-6")]
    public async Task Chunks_OfTwoMessages_AreCountedForEach(string between, CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginChunksAsync(cancellationToken);
        var answering = AnswerAsync(mta, "\r\n", cancellationToken);
        var chunks = string.Concat(Enumerable.Repeat("BDAT 0\r\n", Most - 1));
        foreach (var part in (string[])[chunks, between, chunks])
        {
            await client.SendAsync(part, cancellationToken);
            for (var i = 0; i < (part == between ? 1 : Most - 1); i++)
                Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
        }

        mta.Close();
        await answering;
    }

    [Test, Property("Hazard", "PIPE-14"), Property("Hazard", "PIPE-13")]
    public async Task Group_WithRepliesLargerThanAllBuffers_CompletesInOrder(CancellationToken cancellationToken)
    {
        const int Recipients = 5000;
        Reconfigure(static options => options with { Limits = options.Limits with { RecipientLimit = Recipients * 2 } });
        var (client, mta) = await ConnectAsync(cancellationToken);
        var padding = new string('x', 390);
        var answering = Task.Run(
            async () =>
            {
                for (var i = 0; i < Recipients; i++)
                {
                    var line = await mta.ReadLineAsync(cancellationToken);
                    await mta.SendAsync($"250 {line![8..]} {padding}\r\n", cancellationToken);
                }
            },
            cancellationToken);
        var sending = client.SendAsync(string.Concat(Enumerable.Range(0, Recipients)
            .Select(static i => string.Create(CultureInfo.InvariantCulture, $"RCPT TO:<{i}@y>\r\n"))), cancellationToken);
        for (var i = 0; i < Recipients; i++)
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo($"250 <{i}@y> {padding}"));
        await Task.WhenAll(sending, answering);
    }

    [Test, Property("Hazard", "DOS-3"), CancelAfter(30_000)]
    public async Task Connections_OfOneClientWithoutEnd_OthersAreServed(CancellationToken cancellationToken)
    {
        const int Connections = 5000;
        var held = new List<RawSmtpClient>();
        for (var i = 0; i < Connections; i++)
        {
            var client = await RawSmtpClient.ConnectAsync(Shield.EndPoint, IPAddress.Parse("127.0.0.2"), cancellationToken, read: i % 100 == 0);
            held.Add(client);
            // Clients that come at once are counted in any order.
            if (i == 49)
            {
                await Eventually.HoldsAsync(() => Shield.CountedConnectionsOf(IPAddress.Parse("127.0.0.2")) == held.Count, TimeSpan.FromSeconds(20),
                    "fifty are counted", cancellationToken);
            }

            if (i >= 50 && i % 100 == 0)
                Assert.That(await client.ReadToEndAsync(cancellationToken),
                    Is.EqualTo("421 4.7.0 mail.example.com Error: too many connections from 127.0.0.2\r\n"));
            if (i % 100 == 50)
            {
                foreach (var refused in held[50..])
                    await refused.VanishAsync(reset: true);
                held.RemoveRange(50, held.Count - 50);
            }
        }

        for (var i = 0; i < 50; i++)
            await (await Mta.AcceptAsync(cancellationToken)).SendAsync("220 mx\r\n", cancellationToken);
        var (other, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(other, mta, "NOOP", "250 served", cancellationToken);
        foreach (var client in held)
            await client.DisposeAsync();
    }

    // Rough, because clients and MTA live in the same process: a session of 256 KiB, and as much again for the two scripted ends of it.
    [Test, Property("Hazard", "DOS-6"), CancelAfter(40_000)]
    public async Task Sessions_AThousandInContent_AreBoundedInMemory(CancellationToken cancellationToken)
    {
        const int Sessions = 1000;
        Reconfigure(static options => options with { Limits = options.Limits with { ClientConnectionCountLimit = 0 } });
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var parts = new string('x', 4096);
        for (var i = 0; i < Sessions; i++)
        {
            var (client, _, start) = await BeginChunksAsync(cancellationToken);
            await client.SendAsync("BDAT 100000000\r\n" + parts, cancellationToken);
            Assert.That(start, Is.EqualTo(8));
        }

        Assert.That((GC.GetTotalMemory(forceFullCollection: true) - before) / Sessions, Is.LessThan(512 << 10));
    }

    [Test, Property("Hazard", "PIPE-15")]
    public async Task Group_AnsweredAtOnce_RepliesLeaveTogether(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync(string.Concat(Enumerable.Repeat("RCPT TO:<a@b>\r\n", 50)), cancellationToken);
        await mta.ReadToLengthAsync(50 * 15, cancellationToken);
        for (var i = 0; i < 49; i++)
            await mta.SendAsync("250 ok\r\n", cancellationToken);
        Assert.That(client.Unread(), Is.Empty, "the group is not answered whole");
        await mta.SendAsync("250 ok\r\n", cancellationToken);
        var all = string.Concat(Enumerable.Repeat("250 ok\r\n", 50));
        await client.ReplyAsync(cancellationToken);
        Assert.That(client.Unread(), Is.EqualTo(all["250 ok\r\n".Length..]), "one segment");
    }

    [TestCase("354-a\r\n", "354 b\r\n", "DATA")]
    [TestCase("250-a\r\n250-b", "\r\n250 c\r\n", "RCPT TO:<a@b>")]
    [Property("Hazard", "REP-10"), Property("Hazard", "PIPE-15"), Property("Hazard", "PIPE-12")]
    public async Task Reply_WithAPauseInIt_LeavesWhole(string first, string rest, string command, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync(command + "\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        await mta.SendAsync(first, cancellationToken);

        // Another session goes through the shield meanwhile, so that the first part has been there.
        var (other, otherMta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(other, otherMta, "NOOP", "250 ok", cancellationToken);
        Assert.That(client.Unread(), Is.Empty);
        await mta.SendAsync(rest, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo((first + rest).TrimEnd().Replace("\r\n", "\n", StringComparison.Ordinal)));
    }

    [Test, Property("Hazard", "EOD-26")]
    public async Task Content_OfOneLongLineWithDots_IsOneMessage([Values(512, 998, 2048, 4096, 65536)] int every, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        var line = string.Concat(Enumerable.Repeat(new string('x', every - 1) + ".", 3 * 1024 * 1024 / every));
        var sending = client.SendAsync(line + "\r\n.\r\n", cancellationToken);
        await mta.ReadToLengthAsync(start + line.Length + 5, cancellationToken);
        await mta.SendAsync("250 queued\r\n", cancellationToken);
        await sending;
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 queued"));
        Assert.That(mta.Received[start..] == line + "\r\n.\r\n", Is.True);
    }

    [TestCase("354 go", "Subject: x\r\n\r\n.\r\n")]
    [TestCase("503 no", "")]
    [Property("Hazard", "PIPE-11")]
    public async Task Content_InTheSameWriteAsDataWhereThatIsAllowed_WaitsForTheReply(string reply, string content, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("DATA\r\nSubject: x\r\n\r\n.\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("DATA"));
        Assert.That(mta.Received, Is.EqualTo("DATA\r\n"));
        await mta.SendAsync(reply + "\r\n", cancellationToken);
        if (content.Length > 0)
            Assert.That(await mta.ReadThroughAsync(".\r\n", cancellationToken), Is.EqualTo(content));
        else
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("503 no\r\n221 2.7.0 Error: I can break rules, too. Goodbye.\r\n"));
        Assert.That(mta.Received, Is.EqualTo("DATA\r\n" + content));
    }

    [Test, Property("Hazard", "LOSS-3")]
    public async Task Dialogue_InOneWriteWithTheClientsEnd_IsAnsweredWhole(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await client.SendAsync("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n", cancellationToken);
        client.EndSending();
        await mta.ReadThroughAsync("DATA\r\n", cancellationToken);
        await mta.SendAsync("250 1\r\n250 2\r\n354 3\r\n", cancellationToken);
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        await mta.SendAsync("250 4\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
        await mta.SendAsync("221 5\r\n", cancellationToken);
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("250 1\r\n250 2\r\n354 3\r\n250 4\r\n221 5\r\n"));
    }

    [Test, Property("Hazard", "LOSS-10"), CancelAfter(30_000)]
    public async Task Drain_DuringAHundredTransfers_AllAreAnsweredByTheMtaThenTold(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Limits = options.Limits with { ClientConnectionCountLimit = 0 } });
        var sessions = new List<(RawSmtpClient Client, MtaConnection Mta, int Start)>();
        for (var i = 0; i < 100; i++)
            sessions.Add(await BeginDataAsync(cancellationToken));
        Shield.Drain.Begin();
        foreach (var (client, mta, _) in sessions)
        {
            await client.SendAsync("x\r\n.\r\n", cancellationToken);
            await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
            await mta.SendAsync("250 queued\r\n", cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken),
                Is.EqualTo("250 queued\r\n421 4.3.2 mail.example.com Service not available, closing transmission channel\r\n"));
        }
    }

    private static async Task AnswerAsync(MtaConnection mta, string end, CancellationToken cancellationToken)
    {
        while (await mta.ReadThroughAsync(end, cancellationToken) is not null)
            await mta.SendAsync("250 ok\r\n", cancellationToken);
    }
}
