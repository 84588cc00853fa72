using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Sharing;

/// <summary>Two shields, as processes, with a real Redis between them.</summary>
[CancelAfter(120_000)]
internal sealed class SharedShieldsTests : SharedShieldsFixture
{
    private const int Kill = 9;
    private const int Continue = 18;

    private RedisInstance _redis = null!;

    [SetUp]
    public async Task StartRedis() => _redis = await RedisInstance.StartAsync(TestContext.CurrentContext.CancellationToken, [.. Users]);

    [TearDown]
    public async Task StopRedis()
    {
        if (_redis is not null)
            await _redis.DisposeAsync();
    }

    [Test]
    [Property("Sharing", "SHARE-1")]
    [Property("Sharing", "SHARE-25")]
    public async Task Connect_AtEitherShield_TheSixthIsRefused(CancellationToken cancellationToken)
    {
        await StartShieldsAsync(RateLimit, "5", cancellationToken);
        var (_, status) = await ControlHttp.AskAsync(Shields[0].ControlSocket, HttpMethod.Get, "/v1/status", cancellationToken);
        var sharing = JsonDocument.Parse(status).RootElement.GetProperty("sharing");
        Assert.That((sharing.GetProperty("store").GetString(), sharing.GetProperty("shields").GetInt32()), Is.EqualTo(($"{_redis.EndPoint}", 2)));
        for (var i = 1; i <= 8; i++)
        {
            var shield = Shields[i % 2];
            // From half the limit on each is told of what the other one counts.
            if (i is >= 4 and <= 7)
                await KnowsAsync(shield, RateLimit, count => count >= Math.Min(i - 1, 6), cancellationToken);
            var greeting = await GreetingAsync(shield, cancellationToken);
            Assert.That(greeting, Does.StartWith(i <= 5 ? "220 " : "421 4.7.0 "), $"connection {i}");
        }

        var (_, explained) = await ControlHttp.AskAsync(Shields[0].ControlSocket, HttpMethod.Get, $"/v1/clients/{s_client}", cancellationToken);
        Assert.That(explained, Does.Match("\"elsewhere\":[34],").And.Match("\"elsewhere_age_s\":[0-9]"), "what the other one counts");
        await LogsAsync(Shields[0], "Connection rate limit exceeded: 6", cancellationToken);
        Assert.That(Shields[0].AllLines, Does.Contain("warning: Connection rate limit exceeded: 6 from unknown[127.55.0.1] for service smtp"));
        Assert.That(Shields[0].AllLines, Does.Match(@"shared counters: joined 127\.0\.0\.1:\d+ as one; shields: [12]\n"));
    }

    [Test]
    [Property("Sharing", "SHARE-10")]
    [Property("Sharing", "SHARE-15")]
    public async Task Story_OfTwoShields_KeepsItsPromises(CancellationToken cancellationToken)
    {
        await StartShieldsAsync(CountLimit, "4", cancellationToken);
        var (one, two) = (Shields[0], Shields[1]);
        for (var i = 0; i < 2; i++)
        {
            Assert.That(await GreetingAsync(one, cancellationToken, isHeld: true), Does.StartWith("220 "));
            Assert.That(await GreetingAsync(two, cancellationToken, isHeld: true), Does.StartWith("220 "));
        }

        await KnowsAsync(two, CountLimit, static count => count == 4, cancellationToken);
        Assert.That(await GreetingAsync(two, cancellationToken), Does.StartWith("421 4.7.0 "), "the fifth, at the second shield");

        TestContext.Out.WriteLine("Redis is killed: limits count on each shield, and mail goes on.");
        await _redis.StopAsync();
        await LogsAsync(two, "does not answer", cancellationToken);
        await KnowsAsync(two, CountLimit, static count => count == 2, cancellationToken);
        Assert.That(await GreetingAsync(two, cancellationToken), Does.StartWith("220 "));

        TestContext.Out.WriteLine("It is started empty: all is known again.");
        await _redis.StartAgainAsync(cancellationToken);
        await LogsAsync(two, "answers again", cancellationToken);
        await KnowsAsync(two, CountLimit, static count => count == 4, cancellationToken);
        Assert.That(await GreetingAsync(two, cancellationToken), Does.StartWith("421 4.7.0 "));

        TestContext.Out.WriteLine("One shield is killed: what it held counts until its lease ends.");
        OutsideProcess.Signal(one.Id, Kill);
        await KnowsAsync(two, CountLimit, static count => count == 2, cancellationToken);
        Assert.That(await GreetingAsync(two, cancellationToken), Does.StartWith("220 "));
        await LogsAsync(two, "shared counters: shields: 1, 2 before", cancellationToken);
    }

    [Test]
    [Property("Sharing", "SHARE-13")]
    public async Task Store_ThatStandsStill_DelaysNobodyAndIsExactBehindIt(CancellationToken cancellationToken)
    {
        // From half of it on each is told of what the other one counts.
        await StartShieldsAsync(CountLimit, "8", cancellationToken);
        await GreetAtBothAsync(2, cancellationToken);
        await KnownAtBothAsync(4, cancellationToken);

        OutsideProcess.StandStill(_redis.Id);
        foreach (var shield in Shields)
            await LogsAsync(shield, "does not answer", cancellationToken);
        // All of these come in while it stands still.
        await GreetAtBothAsync(2, cancellationToken);
        await GreetAtBothAsync(1, cancellationToken, isHeld: false);

        OutsideProcess.Signal(_redis.Id, Continue);
        foreach (var shield in Shields)
            await LogsAsync(shield, "answers again", cancellationToken);
        await KnownAtBothAsync(8, cancellationToken);
        foreach (var shield in Shields)
            Assert.That(await GreetingAsync(shield, cancellationToken), Does.StartWith("421 4.7.0 "), "the ninth, at either");
    }

    [Test]
    [Property("Sharing", "SHARE-13")]
    public async Task Store_ThatStandsStillInStrictMode_IsWaitedForByThoseThatComeAtFirst(CancellationToken cancellationToken)
    {
        await StartShieldsAsync(RateLimit, "50", cancellationToken, "strict");
        Assert.That(await GreetingAsync(Shields[0], cancellationToken), Does.StartWith("220 "));
        OutsideProcess.StandStill(_redis.Id);
        for (var i = 0; i < 5; i++)
            Assert.That(await GreetingAsync(Shields[0], cancellationToken), Does.StartWith("220 "));
        var (answered, late, away) = (await WaitsAsync(Shields[0], "answered", cancellationToken), await WaitsAsync(Shields[0], "late", cancellationToken),
            await WaitsAsync(Shields[0], "away", cancellationToken));
        OutsideProcess.Signal(_redis.Id, Continue);
        Assert.That(answered + late + away, Is.EqualTo(6));
        Assert.That(answered, Is.LessThanOrEqualTo(1), "that before, if the machine was fast enough");
    }

    [Test]
    [Property("Sharing", "SHARE-26")]
    public async Task Store_ThatComesAndGoes_StallsNoSessionAndTakesNoThreads(CancellationToken cancellationToken)
    {
        const int Held = 50;
        const int MoreThreads = 20;
        await StartShieldsAsync(CountLimit, "60", cancellationToken, "near");
        List<RawSmtpClient> sessions = [];
        for (var i = 0; i < Held; i++)
        {
            sessions.Add(await RawSmtpClient.ConnectAsync(Shields[i % 2].EndPoint, s_client, cancellationToken));
            await sessions[i].ReplyAsync(cancellationToken);
        }

        await AllAnswerAsync();
        var threads = Shields.Sum(static shield => ThreadsOf(shield.Id));
        for (var round = 0; round < 4; round++)
        {
            OutsideProcess.StandStill(_redis.Id);
            await AllAnswerAsync();
            OutsideProcess.Signal(_redis.Id, Continue);
            await AllAnswerAsync();
            await _redis.StopAsync();
            await AllAnswerAsync();
            await _redis.StartAgainAsync(cancellationToken);
            await AllAnswerAsync();
        }

        await KnownAtBothAsync(Held, cancellationToken);
        Assert.That(Shields.Sum(static shield => ThreadsOf(shield.Id)), Is.LessThan(threads + MoreThreads));
        foreach (var session in sessions)
            await session.DisposeAsync();

        async Task AllAnswerAsync()
        {
            foreach (var session in sessions)
            {
                await session.SendAsync("NOOP\r\n", cancellationToken);
                Assert.That(await session.ReplyAsync(cancellationToken), Does.StartWith("250 "));
            }
        }

        static int ThreadsOf(int process) => Directory.GetDirectories($"/proc/{process}/task").Length;
    }

    [Test]
    [Property("Sharing", "SHARE-30")]
    public async Task Allow_AtOneShield_HoldsAtBothUntilItIsEndedAtEither(CancellationToken cancellationToken)
    {
        await StartShieldsAsync(RateLimit, "1", cancellationToken);
        var (one, two) = (Shields[0], Shields[1]);
        const string Allow = """{"prefix":"127.55.0.0/24","for_s":3600,"why":"a test"}""";
        await ControlHttp.AskAsync(one.ControlSocket, HttpMethod.Post, "/v1/exemptions", cancellationToken, Allow);
        await LogsAsync(two, "allow: 127.55.0.0/24 for 3", cancellationToken);
        for (var i = 1; i <= 3; i++)
            Assert.That(await GreetingAsync(two, cancellationToken), Does.StartWith("220 "), $"connection {i}");
        await ControlHttp.AskAsync(two.ControlSocket, HttpMethod.Delete, "/v1/exemptions?prefix=127.55.0.0%2F24", cancellationToken, "{}");
        await LogsAsync(one, "allow: 127.55.0.0/24 ended by another shield", cancellationToken);
        Assert.That(await GreetingAsync(one, cancellationToken), Does.StartWith("220 "), "the first that counts");
        Assert.That(await GreetingAsync(one, cancellationToken), Does.StartWith("421 4.7.0 "), "the second");
    }

    [Test]
    [Property("Sharing", "SHARE-4")]
    public async Task Connect_AtBothAtTheSameTimeInStrictMode_AsManyAsTheLimitComeIn(CancellationToken cancellationToken)
    {
        await StartShieldsAsync(RateLimit, "5", cancellationToken, "strict");
        var greetings = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => GreetingAsync(Shields[i % 2], cancellationToken)));
        // On a slow machine an exchange may be late: who then does not wait counts alone.
        var alone = await NotAnsweredAsync(cancellationToken);
        Assert.That(greetings.Count(static greeting => greeting.StartsWith("220 ", StringComparison.Ordinal)), Is.InRange(5, 5 + alone),
            string.Join("", greetings));
        Assert.That(greetings.Count(static greeting => greeting.StartsWith("421 4.7.0 ", StringComparison.Ordinal)), Is.InRange(5 - alone, 5));
    }

    [Test]
    [Property("Sharing", "SHARE-5")]
    public async Task Mail_PipelinedAtBothAtTheSameTimeInStrictMode_IsTakenAsOftenAsTheLimitSays(CancellationToken cancellationToken)
    {
        await StartShieldsAsync("smtpd_client_message_rate_limit", "5", cancellationToken, "strict");
        var replies = (await Task.WhenAll(Shields.Select(shield => MailAsync(shield, cancellationToken)))).SelectMany(static all => all).ToList();
        var alone = await NotAnsweredAsync(cancellationToken);
        Assert.That(replies.Count(static reply => reply == "450 Error: too much mail from 127.55.0.1"), Is.InRange(3 - alone, 3), string.Join("", replies));
        Assert.That(replies.Count(static reply => reply == "250 ok"), Is.InRange(5 + 8, 5 + 8 + alone), "five of eight MAIL, and all RSET");
    }

    [Test]
    [Property("Sharing", "SHARE-30")]
    [Property("Sharing", "SHARE-25")]
    public async Task Ban_AtOneShield_HoldsAtBothUntilItIsLiftedAtEither(CancellationToken cancellationToken)
    {
        await StartShieldsAsync(RateLimit, "50", cancellationToken);
        var (one, two) = (Shields[0], Shields[1]);
        // This host, from which the tests' clients come, is never banned.
        const string Ban = """{"prefix":"192.0.2.0/24","for_s":3600,"why":"a test"}""";
        await ControlHttp.AskAsync(one.ControlSocket, HttpMethod.Post, "/v1/bans", cancellationToken, Ban);
        await LogsAsync(two, "ban: 192.0.2.0/24 for 3600s by uid ", cancellationToken);
        var (_, bans) = await ControlHttp.AskAsync(two.ControlSocket, HttpMethod.Get, "/v1/bans", cancellationToken);
        Assert.That(bans, Does.Contain("192.0.2.0/24").And.Contain("a test"));
        await ControlHttp.AskAsync(two.ControlSocket, HttpMethod.Delete, "/v1/bans/192.0.2.0%2F24", cancellationToken, "{}");
        await LogsAsync(one, "ban: 192.0.2.0/24 lifted by another shield", cancellationToken);
    }

    [Test]
    [Property("Sharing", "SHARE-21")]
    public async Task Store_WithAnotherPassword_IsSaidAndLimitsCountHere(CancellationToken cancellationToken)
    {
        await StartShieldAsync("one", _redis.Address, RateLimit, "2", cancellationToken, password: "wrong");
        await LogsAsync(Shields[0], $"warning: shared counters: {_redis.EndPoint} does not answer (", cancellationToken);
        for (var i = 1; i <= 3; i++)
            Assert.That(await GreetingAsync(Shields[0], cancellationToken), Does.StartWith(i <= 2 ? "220 " : "421 4.7.0 "));
    }

    [Test]
    [Property("Sharing", "SHARE-22")]
    public async Task Store_ThatNeverSaysAnything_KeepsNobodyWaiting(CancellationToken cancellationToken)
    {
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen();
        await StartShieldAsync("one", $"redis://{silent.LocalEndPoint}", RateLimit, "2", cancellationToken);
        for (var i = 1; i <= 3; i++)
            Assert.That(await GreetingAsync(Shields[0], cancellationToken), Does.StartWith(i <= 2 ? "220 " : "421 4.7.0 "));
        await LogsAsync(Shields[0], $"warning: shared counters: {silent.LocalEndPoint} does not answer (", cancellationToken);
        await Shields[0].StopAsync(cancellationToken);
    }

    private async Task StartShieldsAsync(string limit, string value, CancellationToken cancellationToken, string mode = "async")
    {
        await StartShieldAsync("one", _redis.Address, limit, value, cancellationToken, mode);
        await StartShieldAsync("two", _redis.Address, limit, value, cancellationToken, mode);
        foreach (var shield in Shields)
            await LogsAsync(shield, "shields: 2", cancellationToken);
    }

    private async Task GreetAtBothAsync(int times, CancellationToken cancellationToken, bool isHeld = true)
    {
        for (var i = 0; i < times; i++)
        {
            foreach (var shield in Shields)
                Assert.That(await GreetingAsync(shield, cancellationToken, isHeld), Does.StartWith("220 "));
        }
    }

    private async Task KnownAtBothAsync(int count, CancellationToken cancellationToken)
    {
        foreach (var shield in Shields)
            await KnowsAsync(shield, CountLimit, known => known == count, cancellationToken);
    }

    // Events that went on without an answer that they were to wait for.
    private async Task<int> NotAnsweredAsync(CancellationToken cancellationToken)
    {
        var sum = 0;
        foreach (var shield in Shields)
            sum += await WaitsAsync(shield, "late", cancellationToken) + await WaitsAsync(shield, "away", cancellationToken);
        return sum;
    }

    // How many events of a shield were to wait, and what became of it.
    private async Task<int> WaitsAsync(ShieldProcess shield, string outcome, CancellationToken cancellationToken)
    {
        var name = $"smtpshield_shared_waits_total{{outcome=\"{outcome}\"}} ";
        var lines = (await MetricsOfAsync(shield, cancellationToken)).Split('\n');
        var line = lines.Single(line => line.StartsWith(name, StringComparison.Ordinal));
        return int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    // The replies to four transactions that are begun, all in one write.
    private static async Task<List<string>> MailAsync(ShieldProcess shield, CancellationToken cancellationToken)
    {
        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await client.SendAsync("EHLO client.example\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await client.SendAsync(string.Concat(Enumerable.Repeat("MAIL FROM:<a@client.example>\r\nRSET\r\n", 4)), cancellationToken);
        List<string> replies = [];
        for (var i = 0; i < 8; i++)
            replies.Add(await client.ReplyAsync(cancellationToken));
        return replies;
    }
}
