using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>What a client can make the log say.</summary>
internal sealed class LogTests : RelayFixture
{
    protected override ShieldOptions Configure(ShieldOptions options) =>
        options with { Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero, SoftErrorLimit = 100_000, HardErrorLimit = 100_000,
            JunkCommandLimit = 100_000 } };

    [Test, Property("Hazard", "LOG-1")]
    public async Task Name_OfAllOctets_IsOneLineOfPrintableCharacters(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        var before = Shield.Log.Lines.Count;
        var octets = Enumerable.Range(0, 256).Select(static value => (char)value).Where(static value => value is not ('\0' or '\r' or '\n'));
        foreach (var octet in octets.Where(static value => value is not (' ' or '\t' or '\v' or '\f')))
        {
            await ExchangeAsync(client, mta, $"EHLO x{octet}y", "250 mx", cancellationToken);
            await ExchangeAsync(client, mta, $"RCPT TO:<{octet}@b>", $"550 5.1.1 <{octet}@b> no", cancellationToken);
        }

        var lines = Shield.Log.Lines.Skip(before).ToArray();
        Assert.That(lines, Has.Length.EqualTo(256 - 7));
        Assert.That(lines, Is.All.Match(@"\A[\x20-\x7e]+\z").And.All.StartsWith("NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 550 5.1.1 <"));
        Assert.That(lines, Has.One.Contains(@"helo=<x\033y>").And.One.Contains(@"helo=<x\377y>"));
    }

    [Test, Property("Hazard", "LOG-1")]
    public async Task Name_Long_IsCut(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO " + new string('x', 2000), "250 mx", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<" + new string('y', 2000) + ">", "550 5.1.1 no", cancellationToken);

        var line = Shield.Log.Lines.Single(static line => line.Contains("to=<" + new string('y', 256), StringComparison.Ordinal));
        Assert.That(line, Has.Length.LessThan(700));
    }

    [Test, Property("Hazard", "LOG-2")]
    public async Task Name_ThatImitatesAnotherClientsFailure_StandsBehindTheTrueAddress(CancellationToken cancellationToken)
    {
        const string Fake = "x[192.0.2.9]: SASL LOGIN authentication failed: 535 5.7.8";
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO " + Fake, "250 mx", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<" + Fake + "@b>", "550 5.1.1 " + Fake, cancellationToken);
        await ExchangeAsync(client, mta, "AUTH " + Fake, "535 5.7.8 " + Fake, cancellationToken);
        await client.SendAsync("NOOP " + Fake + new string('x', 3000) + "\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);

        var lines = Shield.Log.Lines.Where(static line => line.Contains("192.0.2.9", StringComparison.Ordinal)
            || line.Contains("SASL", StringComparison.Ordinal)).ToArray();
        Assert.That(lines, Has.Length.GreaterThan(1));
        Assert.That(lines.Select(static line => line.Split("192.0.2.9")[0]), Is.All.Contains("unknown[127.0.0.1]"));
    }

    [TestCase("550 5.1.1 no", 1000, "suppressed 2000 log lines about unknown[127.0.0.1]"), Property("Hazard", "LOG-3")]
    [TestCase("500 5.5.2 Error: what", 0, null)]
    public async Task Errors_WithoutEnd_AreLoggedUpToACapAndThenCounted(string reply, int lines, string? suppressed, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        const int Errors = 3000;
        var answering = AnswerAsync();
        await client.SendAsync(string.Concat(Enumerable.Repeat("RCPT TO:<a@b>\r\n", Errors)), cancellationToken);
        for (var i = 0; i < Errors; i++)
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply));
        await client.VanishAsync(reset: false);
        await answering;
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);

        Assert.That(Shield.Log.Lines.Count(static line => line.StartsWith("NOQUEUE: reject:", StringComparison.Ordinal)), Is.EqualTo(lines));
        Assert.That(Shield.Log.Lines.SingleOrDefault(static line => line.StartsWith("suppressed", StringComparison.Ordinal)), Is.EqualTo(suppressed));

        async Task AnswerAsync()
        {
            while (await mta.ReadLineAsync(cancellationToken) is not null)
                await mta.SendAsync(reply + "\r\n", cancellationToken);
        }
    }
}
