namespace SmtpShield.FunctionalTests.Session;

/// <summary>An MTA that acknowledges a message before it can have all of it has not acknowledged it.</summary>
[CancelAfter(30_000)]
internal sealed class EarlyReplyTests : RelayFixture
{
    private const string Unavailable = "421 4.3.0 mail.example.com Error: mail server unavailable\r\n";

    // Which of the two the shield hears of first is up to the system's threads.
    private const int Times = 50;

    protected override int? MtaReceiveBuffer => 4096;

    [TestCase("x\r\n.\r\n")]
    [TestCase(".\r\n")]
    public async Task Data_AcknowledgedBeforeItsEndIsSent_IsRefusedAndNeverEnded(string content, CancellationToken cancellationToken)
    {
        for (var i = 0; i < Times; i++)
        {
            var (client, mta, start) = await BeginDataAsync(cancellationToken);
            await mta.SendAsync("250 queued\r\n", cancellationToken);
            await client.SendAsync(content, cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Unavailable));
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.Received[start..], Is.Not.EqualTo(content));
        }
    }

    [TestCase("BDAT 1 LAST\r\nx")]
    [TestCase("BDAT 0 LAST\r\n")]
    public async Task LastChunk_AcknowledgedBeforeItIsSent_IsRefusedAndNeverEnded(string chunk, CancellationToken cancellationToken)
    {
        for (var i = 0; i < Times; i++)
        {
            var (client, mta, start) = await BeginChunksAsync(cancellationToken);
            await mta.SendAsync("250 queued\r\n", cancellationToken);
            await client.SendAsync(chunk, cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Unavailable));
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.Received[start..], Is.Not.EqualTo(chunk));
        }
    }

    [Test]
    public async Task Data_RefusedBeforeItsEndIsSent_IsToldAndNeverEnded(CancellationToken cancellationToken)
    {
        for (var i = 0; i < Times; i++)
        {
            var (client, mta, start) = await BeginDataAsync(cancellationToken);
            await mta.SendAsync("452 4.3.1 full\r\n", cancellationToken);
            await client.SendAsync("x\r\n.\r\n", cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("452 4.3.1 full\r\n"));
            await mta.Ended.WaitAsync(cancellationToken);
            Assert.That(mta.Received[start..], Does.Not.EndWith("\r\n.\r\n"));
        }
    }

    /// <summary>The replies to the commands before are owed at that time, and may come then.</summary>
    [Test]
    public async Task LastChunk_BehindRecipientsInOneGroup_IsAcknowledged(CancellationToken cancellationToken)
    {
        for (var i = 0; i < Times; i++)
        {
            var (client, mta, _) = await BeginChunksAsync(cancellationToken);
            await client.SendAsync("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n", cancellationToken);
            await mta.ReadThroughAsync("<b@y>\r\n", cancellationToken);
            await mta.SendAsync("250 1\r\n25", cancellationToken);
            await client.SendAsync("BDAT 3 LAST\r\nx\r\n", cancellationToken);
            await mta.SendAsync("0 2\r\n", cancellationToken);
            await mta.ReadThroughAsync("LAST\r\nx\r\n", cancellationToken);
            await mta.SendAsync("250 queued\r\n", cancellationToken);
            Assert.That(await RepliesAsync(client, 3, cancellationToken), Is.EqualTo("250 1|250 2|250 queued"));
        }
    }

    /// <summary>The kernel takes no more of the message because the MTA does not read, and the MTA says it has it.</summary>
    [Test]
    public async Task Data_AcknowledgedWhileItIsOnItsWay_IsNotAcknowledgedBeforeItHasLeft(CancellationToken cancellationToken)
    {
        await using var client = await Shield.ConnectAsync(cancellationToken);
        await using var mta = await Mta.AcceptAsync(cancellationToken, read: false);
        await mta.SendAsync("220 mx\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await client.SendAsync("DATA\r\n", cancellationToken);
        await mta.WaitForOctetsAsync(cancellationToken);
        await mta.SendAsync("354 go\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("354 go"));
        var sending = client.SendAsync(new string('x', 32 << 20) + "\r\n.\r\n", cancellationToken);
        await mta.SendAsync("250 queued\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("421 4.3.0"));
        mta.Close();
        await client.DisposeAsync();
        await sending;
    }
}
