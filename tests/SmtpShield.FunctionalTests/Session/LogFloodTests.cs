using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Session;

/// <summary><c>shield_log_client_limit</c> over whole connections: which lines there are, and when.</summary>
internal sealed class LogFloodTests : RelayFixture
{
    private const string Client = "unknown[127.0.0.1]";

    protected override ShieldOptions Configure(ShieldOptions options) => options with { Log = new() { ClientLimit = 3 } };

    [Test]
    public async Task Session_OfAClientAboveItsLimit_IsLoggedFromItsMessageOn(CancellationToken cancellationToken)
    {
        await FillAsync(cancellationToken);
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250 mx", cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "DATA", "354 go", cancellationToken);
        Assert.That(Shield.Log.Lines, Is.Empty);

        await client.SendAsync("x\r\n.\r\n", cancellationToken);
        await mta.ReadThroughAsync(".\r\n", cancellationToken);
        await mta.SendAsync("250 ok\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
        Assert.That(Shield.Log.Lines, Is.EqualTo(new[] { $"connect from {Client}", $"NOQUEUE: client={Client}" }));
        await client.VanishAsync(reset: false);
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);
        Assert.That(Shield.Log.Lines.Skip(2), Is.EqualTo(new[] { $"disconnect from {Client} ehlo=1 mail=1 rcpt=1 data=1 commands=4" }));
    }

    [Test]
    public async Task Session_OfAClientAboveItsLimit_IsLoggedFromItsFirstEventOfAnotherKindOn(CancellationToken cancellationToken)
    {
        await FillAsync(cancellationToken);
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "AUTH PLAIN AAA=", "535 5.7.8 no", cancellationToken);
        Assert.That(Shield.Log.Lines, Is.EqualTo(new[] { $"connect from {Client}", $"{Client}: SASL PLAIN authentication failed: (reason unavailable)" })
            .Using<string, string>(static (line, expected) => line.Split("failed")[0] == expected.Split("failed")[0]));
    }

    [Test]
    public async Task TlsPassedOn_ByAClientAboveItsLimit_IsLogged(CancellationToken cancellationToken)
    {
        await FillAsync(cancellationToken);
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "STARTTLS", "220 go", cancellationToken);

        Assert.That(Shield.Log.Lines,
            Is.EqualTo(new[] { $"connect from {Client}", $"tls passthrough for {Client}: only connection limits apply from here on" }));
    }

    [Test, CancelAfter(60_000), Property("Hazard", "FLOOD-4")]
    public async Task Logins_BehindManyRefusedConnections_AreLogged(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Limits = options.Limits with { ClientConnectionRateLimit = 1 }, Log = new() { ClientLimit = 5 } });
        for (var i = 0; i <= 200; i++)
        {
            await using var refused = await Shield.ConnectAsync(cancellationToken);
            if (i == 0)
                await (await Mta.AcceptAsync(cancellationToken)).DisposeAsync();
            else
                await refused.ReadToEndAsync(cancellationToken);
        }
        Reconfigure(static options => options with { Limits = options.Limits with { ClientConnectionRateLimit = 0 } });
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);
        Assert.That(Shield.Log.Lines.Count(static line => line.StartsWith("Connection rate limit exceeded: ", StringComparison.Ordinal)), Is.EqualTo(5));
        for (var i = 0; i < 5; i++)
        {
            var (client, mta) = await ConnectAsync(cancellationToken);
            await ExchangeAsync(client, mta, "AUTH PLAIN AAA=", "535 5.7.8 no", cancellationToken);
            await client.VanishAsync(reset: false);
        }

        Assert.That(Shield.Log.Lines.Count(static line => line.Contains("authentication failed", StringComparison.Ordinal)), Is.EqualTo(5));
    }

    [Test, Property("Hazard", "FLOOD-6")]
    public async Task Stop_BehindAFlood_SaysWhatWasLeftOut(CancellationToken cancellationToken)
    {
        await FillAsync(cancellationToken);
        await LoseAsync("NOOP", cancellationToken);
        await LoseAsync("RSET", cancellationToken);
        await Shield.StopAsync(cancellationToken);

        Assert.That(Shield.Log.Lines.Where(static line => line.Contains(Client, StringComparison.Ordinal)),
            Is.EqualTo(new[] { $"lost connection after RSET from {Client}", $"suppressed 5 log lines about {Client}" }));
    }

    // As many sessions without mail as there may be; their lines are then cleared.
    private async Task FillAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < 3; i++)
            await LoseAsync("RSET", cancellationToken);
        Assert.That(Shield.Log.Lines, Is.EqualTo(Enumerable.Repeat(
            new[] { $"connect from {Client}", $"lost connection after RSET from {Client}", $"disconnect from {Client} rset=1 commands=1" }, 3)
            .SelectMany(static lines => lines)));
        Shield.Log.Clear();
    }

    private async Task LoseAsync(string command, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, command, "250 ok", cancellationToken);
        await client.VanishAsync(reset: false);
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);
    }
}
