using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>STARTTLS where the MTA ends TLS: octets pass as they come, and what still works without reading them.</summary>
internal sealed class PassthroughTests : RelayFixture
{
    private const string Hello = "\u0016\u0003\u0001\0\u0005hello";

    protected override bool HasFakeTime => true;

    protected override ShieldOptions Configure(ShieldOptions options) =>
        options with { Limits = options.Limits with { HardErrorLimit = 3, JunkCommandLimit = 3 } };

    [Test, Property("Hazard", "TLS-7"), Property("Hazard", "TLS-15")]
    public async Task Octets_BehindStartTls_PassUnchangedBothWays(CancellationToken cancellationToken)
    {
        var all = string.Concat(Enumerable.Range(0, 256).Select(static octet => (char)octet)) + "\r\n.\r\n.\n\r\nQUIT\r\n";
        var (client, mta, start) = await BeginAsync(cancellationToken);
        foreach (var parts in Splits(all).Where(static (_, index) => index % 16 == 0))
        {
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadThroughAsync("QUIT\r\n", cancellationToken), Is.EqualTo(start + all));
            start = "";
            await mta.SendAsync(all, cancellationToken);
            Assert.That(await ReadAsync(client, all.Length, cancellationToken), Is.EqualTo(all));
        }
    }

    [Test, Property("Hazard", "TLS-15")]
    public async Task Errors_InsideTls_AreNotSeenAndOneLineSaysSo(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginAsync(cancellationToken);
        for (var i = 0; i < 50; i++)
        {
            await client.SendAsync("FOO\r\n", cancellationToken);
            await mta.ReadThroughAsync("FOO\r\n", cancellationToken);
            await mta.SendAsync("500 5.5.2 what\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("500 5.5.2 what"));
        }

        Assert.That(Shield.Log.Lines, Has.Exactly(1).StartsWith("tls passthrough"));
        Assert.That(Shield.Log.Lines, Does.Contain("tls passthrough for unknown[127.0.0.1]: only connection limits apply from here on"));
        Assert.That(Shield.Log.Lines, Has.None.Contains("FOO").And.None.StartsWith("too many errors"));
    }

    [TestCase(100, 100, true)]
    [TestCase(100, 101, false)]
    [TestCase(0, 100_000, true)]
    [Property("Hazard", "TLS-15")]
    public async Task Octets_UpToTheSizeLimit_Pass(int limit, int octets, bool passes, CancellationToken cancellationToken)
    {
        Reconfigure(options => options with { Tls = options.Tls with { PassthroughSizeLimit = limit } });
        var (client, mta, start) = await BeginAsync(cancellationToken);
        var before = mta.ReceivedLength;
        await client.SendAsync(new string('x', octets - start.Length), cancellationToken);
        if (passes)
        {
            await mta.ReadToLengthAsync(before + octets - start.Length, cancellationToken);
            await mta.SendAsync("still here\r\n", cancellationToken);
            Assert.That((await client.ReadLineAsync(cancellationToken))?.Text, Is.EqualTo("still here"));
            return;
        }

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.ReceivedLength - before, Is.Zero);
        Assert.That(Shield.Log.Lines, Does.Contain($"tls passthrough for unknown[127.0.0.1]: more than {limit} octets from the client, connection closed"));
    }

    [Test, Property("Hazard", "TLS-9"), Property("Hazard", "TLS-15")]
    public async Task Handshake_NotBegunInTime_EndsTheSessionWithoutAWord(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "STARTTLS", "220 go", cancellationToken);
        var farewell = client.ReadToEndAsync(cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(9.9));
        await mta.SendAsync("still there", cancellationToken);
        await client.WaitForMoreAsync(TimeSpan.FromSeconds(5), cancellationToken);
        Time.Advance(TimeSpan.FromSeconds(0.2));

        Assert.That(await farewell, Is.EqualTo("still there"));
        await client.VanishAsync(reset: false);
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);
        Assert.That(Shield.Log.Lines, Does.Contain("timeout after STARTTLS from unknown[127.0.0.1]"));
    }

    [Test, Property("Hazard", "TLS-15")]
    public async Task Handshake_BegunInTime_LeavesTheUsualTimeToTheClient(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "STARTTLS", "220 go", cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(9));
        await client.SendAsync(Hello, cancellationToken);
        await mta.ReadThroughAsync(Hello, cancellationToken);
        Time.Advance(TimeSpan.FromSeconds(200));
        await mta.SendAsync("hello\r\n", cancellationToken);
        Assert.That((await client.ReadLineAsync(cancellationToken))?.Text, Is.EqualTo("hello"));
    }

    [Test, Property("Hazard", "TLS-15")]
    public async Task StartTls_RefusedByTheMta_LeavesTheSessionAsItWas(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "STARTTLS", "454 4.7.0 no", cancellationToken);
        await ExchangeAsync(client, mta, "STARTTLS x", "501 5.5.4 no", cancellationToken);
        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        Assert.That(Shield.Log.Lines, Has.None.StartsWith("tls passthrough"));
    }

    [Test, Property("Hazard", "TLS-1"), Property("Hazard", "TLS-2")]
    public async Task Plaintext_BehindStartTls_EndsTheSession([Values] bool atTheMta, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        if (!atTheMta)
        {
            await client.SendAsync("STARTTLS\r\nNOOP\r\n", cancellationToken);
            await mta.ReadThroughAsync("STARTTLS\r\n", cancellationToken);
            await mta.SendAsync("220 go\r\n", cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("554 5.5.0 Error: SMTP protocol synchronization\r\n"));
            Assert.That(mta.Received, Is.EqualTo("STARTTLS\r\n"));
            return;
        }

        // What the MTA says behind its 220 is the client's to judge: it is TLS to the shield.
        await client.SendAsync("STARTTLS\r\n", cancellationToken);
        await mta.ReadThroughAsync("STARTTLS\r\n", cancellationToken);
        await mta.SendAsync("220 go\r\n250 injected\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 go"));
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 injected"));
    }

    [Test, Property("Hazard", "TLS-15")]
    public async Task Shutdown_BehindStartTls_SaysNothing(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginAsync(cancellationToken);
        Shield.Drain.Begin();
        Time!.Advance(TimeSpan.FromMinutes(10));
        await client.VanishAsync(reset: false);
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(client.Unread(), Is.Empty);
    }

    private static async Task<string> ReadAsync(RawSmtpClient client, int length, CancellationToken cancellationToken)
    {
        var received = "";
        while (received.Length < length)
            received += (await client.ReadLineAsync(cancellationToken, keepEnd: true))?.Text ?? throw new AssertionException("The connection was closed.");
        return received;
    }

    private async Task<(RawSmtpClient Client, MtaConnection Mta, string Sent)> BeginAsync(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "STARTTLS", "220 go", cancellationToken);
        await client.SendAsync(Hello, cancellationToken);
        await mta.ReadToLengthAsync("STARTTLS\r\n".Length + Hello.Length, cancellationToken);
        return (client, mta, Hello);
    }
}
