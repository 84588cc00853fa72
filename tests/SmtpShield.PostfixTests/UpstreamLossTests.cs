using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>The MTA goes away: the client gets 421, and nothing is acknowledged that the MTA did not acknowledge.</summary>
public sealed class UpstreamLossTests
{
    private static readonly IPAddress s_client = IPAddress.Parse("127.83.0.1");
    private PostfixInstance? _postfix;

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        _postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")], TestContext.CurrentContext.CancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Command_MtaKilled_421([Values] bool inTransaction, CancellationToken cancellationToken)
    {
        // One of its own: master(8) waits a minute before it replaces a process that was killed.
        await using var postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")], cancellationToken);
        await using var shield = await ShieldProcess.StartAsync(postfix.EndPointOf("behind"), new Dictionary<string, string>(), cancellationToken);
        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
        if (inTransaction)
            Assert.That(await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("250"));

        postfix.KillServers();
        Assert.That(await client.CommandAsync("RCPT TO:<good@example.test>", cancellationToken), Does.StartWith("421 4.3.0 mail.example.test"));
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Content_MtaKilled_421AndNothingStored([Values("DATA", "BDAT")] string by, CancellationToken cancellationToken)
    {
        // One of its own: master(8) waits a minute before it replaces a process that was killed.
        await using var postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")], cancellationToken);
        await using var shield = await ShieldProcess.StartAsync(postfix.EndPointOf("behind"), new Dictionary<string, string>(), cancellationToken);
        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("RCPT TO:<box77@example.test>", cancellationToken), Does.StartWith("250"));
        if (by == "DATA")
            Assert.That(await client.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
        else
            await client.SendAsync("BDAT 200000 LAST\r\n", cancellationToken);
        var half = new string('x', 998) + "\r\n";
        await client.SendAsync(string.Concat(Enumerable.Repeat(half, 100)), cancellationToken);

        postfix.KillServers();
        await client.SendAsync(string.Concat(Enumerable.Repeat(half, 100)) + (by == "DATA" ? ".\r\n" : ""), cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("421 4.3.0 mail.example.test"));
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        Assert.That(postfix.MessagesOf("box77"), Is.Empty);
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Connect_NoMta_421QuicklyAndOneLine(CancellationToken cancellationToken)
    {
        var nowhere = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await using var shield = await ShieldProcess.StartAsync(nowhere, new Dictionary<string, string>(), cancellationToken);
        var start = TimeProvider.System.GetTimestamp();
        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("421 4.3.0 mail.example.test"));
        Assert.That(TimeProvider.System.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(10)), "not after shield_upstream_greeting_timeout");
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);

        await shield.Log.WaitForDisconnectsAsync(1, cancellationToken);
        // In time the probes find out that it is down, and say so.
        var lines = shield.AllLines.Split('\n').Where(line => line.Contains("connect to upstream", StringComparison.Ordinal)
            && line.Contains($":{nowhere.Port}", StringComparison.Ordinal)).ToArray();
        Assert.That(lines, Has.Length.EqualTo(1), shield.AllLines);
        Assert.That(lines[0], Does.Contain("Connection refused"));
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Connect_FirstDestinationAway_SecondServes(CancellationToken cancellationToken)
    {
        var nowhere = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await using var shield = await ShieldProcess.StartAsync(
            nowhere, new Dictionary<string, string> { ["shield_upstream"] = $"{nowhere}, {Postfix.EndPointOf("behind")}" }, cancellationToken);
        for (var number = 0; number < 4; number++)
        {
            await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mail.example.test ESMTP Postfix"));
            Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
        }
        await shield.StopAsync(cancellationToken);
    }
}
