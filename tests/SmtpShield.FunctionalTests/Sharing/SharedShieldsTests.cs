using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Sharing;

/// <summary>Two shields, as processes, with a real Redis between them.</summary>
[CancelAfter(120_000)]
internal sealed class SharedShieldsTests
{
    private const string RateLimit = "smtpd_client_connection_rate_limit";
    private const string CountLimit = "smtpd_client_connection_count_limit";
    private const int Kill = 9;
    private const string Password = "between-shields";

    private static readonly IPAddress s_client = IPAddress.Parse("127.55.0.1");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(20);

    private readonly List<ShieldProcess> _shields = [];
    private readonly List<RawSmtpClient> _clients = [];
    private RedisInstance _redis = null!;
    private ScriptedMta _mta = null!;
    private string _directory = "";

    // The only rights a shield needs, as they are delivered.
    private static IEnumerable<string> Users => Repository.Read("deploy/cluster/smtpshield.acl").Replace("PASSWORD", Password, StringComparison.Ordinal)
        .Split('\n', StringSplitOptions.RemoveEmptyEntries);

    [SetUp]
    public async Task StartRedis()
    {
        if (!RedisInstance.IsInstalled)
            Assert.Ignore("redis-server is not installed (tests/run installs it when it runs as root)");
        _redis = await RedisInstance.StartAsync(TestContext.CurrentContext.CancellationToken, [.. Users]);
        _directory = Directory.CreateTempSubdirectory("smtpshield-sharing-").FullName;
        _mta = new();
        _mta.Serve(static async connection =>
        {
            await connection.SendAsync("220 mx\r\n", CancellationToken.None);
            while (await connection.ReadLineAsync(CancellationToken.None) is { } line)
                await connection.SendAsync(line == "QUIT" ? "221 bye\r\n" : "250 ok\r\n", CancellationToken.None);
            connection.Close();
        });
    }

    [TearDown]
    public async Task StopAll()
    {
        foreach (var client in _clients)
            await client.DisposeAsync();
        foreach (var shield in _shields)
            await shield.DisposeAsync();
        _clients.Clear();
        _shields.Clear();
        if (_mta is not null)
            await _mta.DisposeAsync();
        if (_redis is not null)
            await _redis.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    [Property("Sharing", "SHARE-1")]
    [Property("Sharing", "SHARE-25")]
    public async Task Connect_AtEitherShield_TheSixthIsRefused(CancellationToken cancellationToken)
    {
        await StartShieldsAsync(RateLimit, "5", cancellationToken);
        var (_, status) = await ControlHttp.AskAsync(_shields[0].ControlSocket, HttpMethod.Get, "/v1/status", cancellationToken);
        var sharing = JsonDocument.Parse(status).RootElement.GetProperty("sharing");
        Assert.That((sharing.GetProperty("store").GetString(), sharing.GetProperty("shields").GetInt32()), Is.EqualTo(($"{_redis.EndPoint}", 2)));
        for (var i = 1; i <= 8; i++)
        {
            var shield = _shields[i % 2];
            // From half the limit on each is told of what the other one counts.
            if (i is >= 4 and <= 7)
                await KnowsAsync(shield, RateLimit, count => count >= Math.Min(i - 1, 6), cancellationToken);
            var greeting = await GreetingAsync(shield, cancellationToken);
            Assert.That(greeting, Does.StartWith(i <= 5 ? "220 " : "421 4.7.0 "), $"connection {i}");
        }

        var (_, explained) = await ControlHttp.AskAsync(_shields[0].ControlSocket, HttpMethod.Get, $"/v1/clients/{s_client}", cancellationToken);
        Assert.That(explained, Does.Match("\"elsewhere\":[34],").And.Match("\"elsewhere_age_s\":[0-9]"), "what the other one counts");
        await LogsAsync(_shields[0], "Connection rate limit exceeded: 6", cancellationToken);
        Assert.That(_shields[0].AllLines, Does.Contain("warning: Connection rate limit exceeded: 6 from unknown[127.55.0.1] for service smtp"));
        Assert.That(_shields[0].AllLines, Does.Match(@"shared counters: joined 127\.0\.0\.1:\d+ as one; shields: [12]\n"));
    }

    [Test]
    [Property("Sharing", "SHARE-10")]
    [Property("Sharing", "SHARE-15")]
    public async Task Story_OfTwoShields_KeepsItsPromises(CancellationToken cancellationToken)
    {
        await StartShieldsAsync(CountLimit, "4", cancellationToken);
        var (one, two) = (_shields[0], _shields[1]);
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
    [Property("Sharing", "SHARE-4")]
    public async Task Connect_AtBothAtTheSameTimeInStrictMode_AsManyAsTheLimitComeIn(CancellationToken cancellationToken)
    {
        await StartShieldsAsync(RateLimit, "5", cancellationToken, "strict");
        var greetings = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => GreetingAsync(_shields[i % 2], cancellationToken)));
        Assert.That(greetings.Count(static greeting => greeting.StartsWith("220 ", StringComparison.Ordinal)), Is.EqualTo(5), string.Join("", greetings));
        Assert.That(greetings.Count(static greeting => greeting.StartsWith("421 4.7.0 ", StringComparison.Ordinal)), Is.EqualTo(5));
    }

    [Test]
    [Property("Sharing", "SHARE-5")]
    public async Task Mail_PipelinedAtBothAtTheSameTimeInStrictMode_IsTakenAsOftenAsTheLimitSays(CancellationToken cancellationToken)
    {
        await StartShieldsAsync("smtpd_client_message_rate_limit", "5", cancellationToken, "strict");
        var replies = (await Task.WhenAll(_shields.Select(shield => MailAsync(shield, cancellationToken)))).SelectMany(static all => all).ToList();
        Assert.That(replies.Count(static reply => reply == "450 Error: too much mail from 127.55.0.1"), Is.EqualTo(3), string.Join("", replies));
        Assert.That(replies.Count(static reply => reply == "250 ok"), Is.EqualTo(5 + 8), "five of eight MAIL, and all RSET");
    }

    [Test]
    [Property("Sharing", "SHARE-30")]
    [Property("Sharing", "SHARE-25")]
    public async Task Ban_AtOneShield_HoldsAtBothUntilItIsLiftedAtEither(CancellationToken cancellationToken)
    {
        await StartShieldsAsync(RateLimit, "50", cancellationToken);
        var (one, two) = (_shields[0], _shields[1]);
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
        await StartShieldAsync("one", RateLimit, "2", cancellationToken, "wrong");
        await LogsAsync(_shields[0], $"warning: shared counters: {_redis.EndPoint} does not answer (", cancellationToken);
        for (var i = 1; i <= 3; i++)
            Assert.That(await GreetingAsync(_shields[0], cancellationToken), Does.StartWith(i <= 2 ? "220 " : "421 4.7.0 "));
    }

    [Test]
    [Property("Sharing", "SHARE-22")]
    public async Task Store_ThatNeverSaysAnything_KeepsNobodyWaiting(CancellationToken cancellationToken)
    {
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen();
        await StartShieldAsync("one", RateLimit, "2", cancellationToken, store: $"redis://{silent.LocalEndPoint}");
        for (var i = 1; i <= 3; i++)
            Assert.That(await GreetingAsync(_shields[0], cancellationToken), Does.StartWith(i <= 2 ? "220 " : "421 4.7.0 "));
        await LogsAsync(_shields[0], $"warning: shared counters: {silent.LocalEndPoint} does not answer (", cancellationToken);
        await _shields[0].StopAsync(cancellationToken);
    }

    private async Task StartShieldsAsync(string limit, string value, CancellationToken cancellationToken, string mode = "async")
    {
        await StartShieldAsync("one", limit, value, cancellationToken, mode: mode);
        await StartShieldAsync("two", limit, value, cancellationToken, mode: mode);
        foreach (var shield in _shields)
            await LogsAsync(shield, "shields: 2", cancellationToken);
    }

    private async Task StartShieldAsync(
        string name, string limit, string value, CancellationToken cancellationToken, string password = Password, string? store = null,
        string mode = "async")
    {
        var file = Path.Combine(_directory, name);
        await File.WriteAllTextAsync(file, password + "\n", cancellationToken);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _shields.Add(await ShieldProcess.StartAsync(
            _mta.EndPoint,
            new Dictionary<string, string>
            {
                [limit] = value,
                ["shield_upstream_connect"] = "connect",
                ["shield_upstream_probe_interval"] = "0",
                ["shield_shared_store"] = store ?? _redis.Address,
                ["shield_shared_user"] = "smtpshield",
                ["shield_shared_password_file"] = file,
                ["shield_shared_name"] = name,
                ["shield_shared_lease"] = "3s",
                ["shield_shared_mode"] = mode,
            },
            cancellationToken));
    }

    private async Task<string> GreetingAsync(ShieldProcess shield, CancellationToken cancellationToken, bool isHeld = false)
    {
        var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        var greeting = await client.ReplyAsync(cancellationToken);
        if (isHeld)
            _clients.Add(client);
        else
            await client.DisposeAsync();
        return greeting;
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

    private static async Task LogsAsync(ShieldProcess shield, string text, CancellationToken cancellationToken)
    {
        if (!await Eventually.TryAsync(() => shield.AllLines.Contains(text, StringComparison.Ordinal), s_limit, cancellationToken))
            Assert.Fail($"{text} is not in\n{shield.AllLines}");
    }

    // What a shield counts of the client, with all that others do.
    private static async Task KnowsAsync(ShieldProcess shield, string rule, Func<int, bool> condition, CancellationToken cancellationToken)
    {
        while (true)
        {
            var (status, body) = await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, $"/v1/clients/{s_client}", cancellationToken);
            if (status == (int)HttpStatusCode.OK)
            {
                var rules = JsonDocument.Parse(body).RootElement.GetProperty("services")[0].GetProperty("rules").EnumerateArray();
                if (rules.Where(one => one.GetProperty("rule").GetString() == rule).Any(one => condition(one.GetProperty("count").GetInt32())))
                    return;
            }

            await Task.Delay(s_rest, TimeProvider.System, cancellationToken);
        }
    }
}
