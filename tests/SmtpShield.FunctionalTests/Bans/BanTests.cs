using System.CommandLine;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using SmtpShield.Clients;
using SmtpShield.FunctionalTests.Session;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Bans;

/// <summary>Clients that are banned, by hand and by what they do. They come through a proxy, for this host's own addresses are never banned.</summary>
[Platform("Linux"), CancelAfter(60_000)]
internal sealed class BanTests : RelayFixture
{
    private const string Client = "192.0.2.7";
    private const string Denied = "421 4.7.0 mail.example.com Error: access denied to 192.0.2.7";

    private string _directory = "";

    protected override bool HasFakeTime => true;

    private string Place => Path.Combine(_directory, "control.sock");

    protected override ShieldOptions Configure(ShieldOptions options)
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-bans-").FullName;
        return options with
        {
            Control = new() { Socket = Place, StateDirectory = _directory },
            Proxy = new() { Protocol = UpstreamProxyProtocol.Haproxy, Sources = AddressPatternList.Parse("127.0.0.1") },
        };
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Ban_OfAClient_RefusesItsNextConnectionAndUnbanLetsItIn(CancellationToken cancellationToken)
    {
        await BanAsync("""{"prefix":"192.0.2.7","for_s":60,"why":"spam \"run\""}""", cancellationToken);
        Assert.That(await GreetingAsync(Client, cancellationToken), Is.EqualTo(Denied));
        Assert.That(await ServedAsync("192.0.2.8", cancellationToken), Is.True);
        Assert.That(Shield.Log.Lines, Has.None.Contains("connect from unknown[192.0.2.7]"));
        Assert.That(Shield.Log.Lines, Has.Some.Match(@"^ban: 192\.0\.2\.7/32 for 60s by uid \d+ (\(\w+\))?: ""spam \\""run\\""""$"));
        Assert.That(await AskAsync(HttpMethod.Get, "/v1/bans/192.0.2.7", cancellationToken), Does.Contain("\"refused\":1"));

        await AskAsync(HttpMethod.Delete, "/v1/bans/192.0.2.7", cancellationToken, "{}");
        Assert.That(await ServedAsync(Client, cancellationToken), Is.True);
        Assert.That(Shield.Log.Lines, Has.Some.Match(@"^ban: 192\.0\.2\.7/32 lifted by uid \d+"));
        Assert.That(await File.ReadAllTextAsync(Path.Combine(_directory, "bans"), cancellationToken), Is.Empty, "on the disk before it was answered");
    }

    [Test]
    public async Task Ban_WhenItsTimeIsOver_EndsByItself(CancellationToken cancellationToken)
    {
        await BanAsync("""{"prefix":"192.0.2.0/24","for_s":60}""", cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(59));
        Assert.That(await GreetingAsync(Client, cancellationToken), Is.EqualTo(Denied));
        Time.Advance(TimeSpan.FromSeconds(2));

        Assert.That(await ServedAsync(Client, cancellationToken), Is.True);
        Assert.That(Shield.Log.Lines, Does.Contain("ban: 192.0.2.0/24 ended, 1 connections refused"));
    }

    // Each minute one line, and none about single connections.
    [Test]
    public async Task Log_OfABan_SaysOnceAMinuteWhatItRefused(CancellationToken cancellationToken)
    {
        await BanAsync("""{"prefix":"192.0.2.0/24","for_s":600}""", cancellationToken);
        for (var i = 0; i < 3; i++)
            await GreetingAsync(Client, cancellationToken);
        Time!.Advance(TimeSpan.FromSeconds(61));

        Assert.That(
            Shield.Log.Lines.Where(static line => line.Contains("192.0.2.", StringComparison.Ordinal) && !line.Contains(" by ", StringComparison.Ordinal)),
            Is.EqualTo((string[])["ban: refused 3 connections of 192.0.2.0/24 in 60s"]));
    }

    [TestCase("exempted before")]
    [TestCase("exempted behind")]
    [TestCase("on the list")]
    [TestCase("in shield_ban_exceptions")]
    [Property("Operations", "OPS-22")]
    public async Task Exemption_InsideABannedNetwork_BeatsTheBan(string how, CancellationToken cancellationToken)
    {
        if (how == "exempted before")
            await AskAsync(HttpMethod.Post, "/v1/exemptions", cancellationToken, """{"prefix":"192.0.2.7","for_s":60}""");
        if (how == "on the list")
            Reconfigure(static options => options with { Limits = new() { ClientEventLimitExceptions = AddressPatternList.Parse(Client) } });
        if (how == "in shield_ban_exceptions")
            Reconfigure(static options => options with { Bans = new() { Exceptions = AddressPatternList.Parse(Client) } });
        await BanAsync("""{"prefix":"192.0.2.0/24","for_s":600}""", cancellationToken);
        if (how == "exempted behind")
            await AskAsync(HttpMethod.Post, "/v1/exemptions", cancellationToken, """{"prefix":"192.0.2.7","for_s":60}""");

        Assert.That(await ServedAsync(Client, cancellationToken), Is.True);
        Assert.That(await GreetingAsync("192.0.2.8", cancellationToken), Does.StartWith("421 4.7.0 "));
        Time!.Advance(TimeSpan.FromSeconds(61));
        if (how.StartsWith("exempted", StringComparison.Ordinal))
            Assert.That(await GreetingAsync(Client, cancellationToken), Is.EqualTo(Denied), "the exemption is over, the ban is not");
    }

    [Test]
    [Property("Operations", "OPS-29")]
    public async Task Ban_OfAClientWithASession_IsToldAtItsNextCommand(CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginAsync(Client, cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250 ENHANCEDSTATUSCODES", cancellationToken);
        await BanAsync("""{"prefix":"192.0.2.7"}""", cancellationToken);

        Assert.That(await client.CommandAsync("MAIL FROM:<a@x>", cancellationToken), Is.EqualTo(Denied));
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        mta.Close();
    }

    [Test]
    [Property("Operations", "OPS-29")]
    public async Task Ban_OfAClientInsideAMessage_LetsItFinish(CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginAsync(Client, cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250 ENHANCEDSTATUSCODES", cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "DATA", "354 go", cancellationToken);
        await client.SendAsync("first\r\n", cancellationToken);
        await BanAsync("""{"prefix":"192.0.2.7"}""", cancellationToken);
        await client.SendAsync("second\r\n.\r\n", cancellationToken);
        foreach (var line in (string[])["first", "second", "."])
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(line));
        await mta.SendAsync("250 2.0.0 queued\r\n", cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 2.0.0 queued"));
        Assert.That(await client.CommandAsync("NOOP", cancellationToken), Is.EqualTo(Denied));
        mta.Close();
    }

    // BDAT: the second chunk of a message is content, too.
    [Test]
    [Property("Operations", "OPS-29")]
    public async Task Ban_OfAClientBetweenChunks_LetsItFinish(CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginAsync(Client, cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING", cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
        await client.SendAsync("BDAT 7\r\n12345\r\n", cancellationToken);
        foreach (var line in (string[])["BDAT 7", "12345"])
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(line));
        await mta.SendAsync("250 2.0.0 7 octets\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 2.0.0 7 octets"));
        await BanAsync("""{"prefix":"192.0.2.7"}""", cancellationToken);
        await client.SendAsync("BDAT 4 LAST\r\n67\r\n", cancellationToken);
        foreach (var line in (string[])["BDAT 4 LAST", "67"])
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(line));
        await mta.SendAsync("250 2.0.0 queued\r\n", cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 2.0.0 queued"));
        Assert.That(await client.CommandAsync("MAIL FROM:<a@x>", cancellationToken), Is.EqualTo(Denied));
        mta.Close();
    }

    [Test]
    [Property("Operations", "OPS-22")]
    public async Task Exemption_OfAClientWithASession_SparesIt(CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginAsync(Client, cancellationToken);
        await BanAsync("""{"prefix":"192.0.2.0/24"}""", cancellationToken);
        await AskAsync(HttpMethod.Post, "/v1/exemptions", cancellationToken, """{"prefix":"192.0.2.7","for_s":60}""");

        await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        client.EndSending();
        mta.Close();
    }

    /// <summary>S6: nobody is banned for what is in shadow, and nothing changes for who would be; the report, and who asks for the client, are told.</summary>
    [Test]
    [Property("Operations", "OPS-16")]
    public async Task Client_ThatHitsARuleInShadow_IsServedAndTheReportHasTheBan(CancellationToken cancellationToken)
    {
        await HitInShadowAsync(cancellationToken);

        Assert.That(await AskAsync(HttpMethod.Get, "/v1/bans?state=all", cancellationToken), Does.Contain("\"total\":0"));
        var report = JsonDocument.Parse(await AskAsync(HttpMethod.Get, "/v1/shadow", cancellationToken)).RootElement.GetProperty("services")[0];
        Assert.That(report.GetProperty("rules").EnumerateArray().Select(static rule => $"{rule.GetProperty("rule")} {rule.GetProperty("in_force")} "
            + $"{rule.GetProperty("shadow")} {rule.GetProperty("hits")}"), Is.EqualTo((string[])["smtpd_hard_error_limit off 1 3", "shield_ban_threshold 3 3 1"]));
        Assert.That((report.GetProperty("in_bans").GetInt32(), report.GetProperty("after").GetInt32()), Is.EqualTo((2, 2)));
        Assert.That(Shield.Log.Lines, Has.One.Match(@"^ban \(shadow\): 192\.0\.2\.7/32 for \d+s, level 1: smtpd_hard_error_limit, 3 hits in 600s$"));
        Assert.That(await RunAsync($"explain {Client} --quiet", cancellationToken), Is.EqualTo((0, "")));
        var (_, explained) = await RunAsync($"explain {Client} --utc", cancellationToken);
        Assert.That(explained, Does.Match(@"\n  shadow    shield_ban_threshold = 3: hit once, in 1 window, the last at \S+; the next would be refused until \S+Z\n"
            + @"            smtpd_hard_error_limit = 1: hit 3 times, in 1 window, the last at \S+Z\n"));

        await RunAsync($"release {Client}", cancellationToken);
        Assert.That((await RunAsync($"explain {Client}", cancellationToken)).Output, Does.Not.Contain("would be refused"));
    }

    // A ban there would be holds at every service, and hits at any lead to it: no service's counts are told apart in it.
    [Test]
    public async Task ShadowReset_OfOneService_LeavesTheBansThatOneOfAllEnds(CancellationToken cancellationToken)
    {
        await HitInShadowAsync(cancellationToken);

        var (_, output) = await RunAsync("shadow reset --service smtp", cancellationToken);
        Assert.That(output, Does.Match(@"^smtp: 4 hits forgotten, counted since \S+\nbans in shadow: 1 goes on, at every service "
            + @"\(shadow reset without --service ends all\)\n$"));
        Assert.That((await RunAsync($"explain {Client}", cancellationToken)).Output, Does.Contain("would be refused"));

        (_, output) = await RunAsync("shadow reset", cancellationToken);
        Assert.That(output, Does.Match(@"^smtp: 0 hits forgotten, counted since \S+\nbans in shadow: 1 ended\n$"));
        Assert.That((await RunAsync($"explain {Client}", cancellationToken)).Output, Does.Not.Contain("would be refused"));
        Assert.That(await AskAsync(HttpMethod.Get, "/v1/changes", cancellationToken), Does.Contain("counts set to 0, bans in shadow ended: 1"));

        (_, output) = await RunAsync("shadow reset --service smtp", cancellationToken);
        Assert.That(output, Does.Match(@"^smtp: 0 hits forgotten, counted since \S+\n$"), "there are none");
    }

    private async Task HitInShadowAsync(CancellationToken cancellationToken)
    {
        Reconfigure(static options => ShadowRules.Split(options with
        {
            Bans = new() { Threshold = 3 },
            Limits = options.Limits with { HardErrorLimit = 1 },
            Shadow = new() { Rules = ShadowList.None with { Names = new HashSet<string> { "smtpd_hard_error_limit" } } },
        }));
        for (var i = 0; i < 5; i++)
        {
            var (client, mta) = await BeginAsync(Client, cancellationToken);
            await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250 ENHANCEDSTATUSCODES", cancellationToken);
            await ExchangeAsync(client, mta, "RSET x", "501 5.5.4 no", cancellationToken);
            await ExchangeAsync(client, mta, "NOOP", "250 2.0.0 ok", cancellationToken);
            client.EndSending();
            mta.Close();
        }
    }

    [Test]
    public async Task Client_ThatHitsARule_IsBannedExplainedAndReleased(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with
        {
            Bans = new() { Threshold = 3 },
            Smtpd = options.Smtpd with { ForbiddenCommands = ForbiddenCommandsParser.Parse("CONNECT GET POST") },
        });
        for (var i = 0; i < 3; i++)
        {
            Assert.That(await RunAsync($"explain {Client} --quiet", cancellationToken), Is.EqualTo((0, "")));
            var (client, mta) = await BeginAsync(Client, cancellationToken);
            Assert.That(await client.CommandAsync("Subject: a page", cancellationToken), Does.StartWith("221 2.7.0 "));
            mta.Close();
        }

        Assert.That(await GreetingAsync(Client, cancellationToken), Is.EqualTo("421 4.7.0 mail.example.com Error: I can break rules, too"));
        Assert.That(Shield.Log.Lines, Has.Some.Match(@"^ban: 192\.0\.2\.7/32 for \d+s, level 1: smtpd_forbidden_commands, 3 hits in 600s$"));
        Assert.That(await RunAsync($"explain {Client} --quiet", cancellationToken), Is.EqualTo((5, "")));
        var (_, explained) = await RunAsync($"explain {Client} --utc", cancellationToken);
        Assert.That(explained, Does.Match(@"192\.0\.2\.7  smtp  BANNED until 00:\d\d:\d\dZ\n"));
        Assert.That(explained, Does.Match(@"  ban       192\.0\.2\.7 until \S+: smtpd_forbidden_commands, 3 hits, level 1\n"));
        Assert.That(explained, Does.Match(@"  last      \S+  221 smtpd_forbidden_commands\n"));

        var (status, released) = await RunAsync($"release {Client} --utc", cancellationToken);
        Assert.That((status, released.Contains("192.0.2.7 is not banned any more (smtpd_forbidden_commands, 3 hits, until ", StringComparison.Ordinal)),
            Is.EqualTo((0, true)), released);
        Assert.That(await ServedAsync(Client, cancellationToken), Is.True);
    }

    [Test]
    [Property("Operations", "OPS-13")]
    public async Task Release_InsideABannedNetwork_NamesItAndExitsWith1(CancellationToken cancellationToken)
    {
        await BanAsync("""{"prefix":"192.0.2.0/24","for_s":60}""", cancellationToken);
        var (status, released) = await RunAsync($"release {Client} --utc", cancellationToken);
        Assert.That((status, released), Is.EqualTo((1, "smtp: counters of 192.0.2.7/32 set to 0 (nothing)\n"
            + "192.0.2.0/24 is banned until 2026-01-01T00:01:00Z, and covers it: smtpshield unban 192.0.2.0/24, or release with --for\n")));

        Assert.That((await RunAsync($"release {Client} --for 30s", cancellationToken)).Status, Is.Zero);
        Assert.That(await ServedAsync(Client, cancellationToken), Is.True);
    }

    [Test]
    public async Task Client_InWrapperMode_ReadsNothingInClear(CancellationToken cancellationToken)
    {
        await BanAsync("""{"prefix":"192.0.2.7"}""", cancellationToken);
        Reconfigure(static options => options with { Tls = new() { WrapperMode = true } });
        var client = Keep(await Shield.ConnectAsync(cancellationToken));
        await client.SendAsync($"PROXY TCP4 {Client} 127.0.0.1 4711 25\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
    }

    [Test]
    public async Task Client_WithActionReset_IsReset(CancellationToken cancellationToken)
    {
        await BanAsync("""{"prefix":"192.0.2.7"}""", cancellationToken);
        Reconfigure(static options => options with { Bans = new() { Action = BanAction.Reset } });
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(Shield.EndPoint, cancellationToken);
        await client.SendAsync(Encoding.ASCII.GetBytes($"PROXY TCP4 {Client} 127.0.0.1 4711 25\r\n"), cancellationToken);

        Assert.That(async () => await client.ReceiveAsync(new byte[1], cancellationToken),
            Throws.InstanceOf<SocketException>().With.Property(nameof(SocketException.SocketErrorCode)).EqualTo(SocketError.ConnectionReset));
    }

    // The kernel would drop the proxy's connections, or nobody's.
    [Test]
    [Property("Operations", "OPS-30")]
    public async Task Firewall_BehindAProxy_HasNoPortAndTheShieldRefuses(CancellationToken cancellationToken)
    {
        await BanAsync("""{"prefix":"192.0.2.7","for_s":60}""", cancellationToken);
        Assert.That(await GreetingAsync(Client, cancellationToken), Is.EqualTo(Denied));
        Assert.That(await AskAsync(HttpMethod.Get, "/v1/firewall", cancellationToken), Does.Contain("\"ports\":[]"));

        Reconfigure(static options => options with { Proxy = new() });
        Assert.That(await AskAsync(HttpMethod.Get, "/v1/firewall", cancellationToken), Does.Contain($"\"ports\":[{Shield.EndPoint.Port}]"));
    }

    // A list with something else than addresses: the kernel gets whom the shield has looked at, whichever way it refused him first.
    [TestCase(false)]
    [TestCase(true)]
    [Property("Operations", "OPS-28")]
    public async Task Firewall_WhileAListHasOthersThanAddresses_HasWhomTheShieldHasLookedAt(bool hasSession, CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Bans = new() { Exceptions = AddressPatternList.Parse("!static:all") } });
        var (client, mta) = hasSession ? await BeginAsync(Client, cancellationToken) : default;
        await BanAsync("""{"prefix":"192.0.2.7","for_s":60}""", cancellationToken);
        var before = JsonDocument.Parse(await AskAsync(HttpMethod.Get, "/v1/firewall", cancellationToken)).RootElement;
        Assert.That(before.GetProperty("bans").GetArrayLength(), Is.Zero);

        Assert.That(hasSession ? await client.CommandAsync("NOOP", cancellationToken) : await GreetingAsync(Client, cancellationToken), Is.EqualTo(Denied));
        mta?.Close();

        Assert.That(await AskAsync(HttpMethod.Get, $"/v1/firewall?since={before.GetProperty("revision").GetInt64()}", cancellationToken),
            Does.Contain("\"bans\":[{\"prefix\":\"192.0.2.7\",\"left_s\":60}]"));
    }

    // It is served, and is not said to be banned.
    [Test]
    [Property("Operations", "OPS-22")]
    public async Task Explain_OfOneWhoIsNeverBannedInABannedNetwork_SaysWhyNot(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Bans = new() { Exceptions = AddressPatternList.Parse(Client) } });
        await BanAsync("""{"prefix":"192.0.2.0/24"}""", cancellationToken);
        Assert.That(await ServedAsync(Client, cancellationToken), Is.True);
        Assert.That(await GreetingAsync("192.0.2.8", cancellationToken), Does.StartWith("421 4.7.0 "));

        var (status, explained) = await RunAsync($"explain {Client} --utc", cancellationToken);
        Assert.That(explained, Does.Not.Contain("BANNED").And.Contain("it is not banned with 192.0.2.0/24: it is in shield_ban_exceptions"));
        Assert.That(status, Is.Zero);
        Assert.That((await RunAsync("explain 192.0.2.8", cancellationToken)).Output, Does.Contain("BANNED"));
    }

    [Test]
    public async Task Ban_WithoutATime_LastsNoLongerThanAnyMay(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Bans = new() { TimeLimit = TimeSpan.FromDays(60) } });
        Assert.That(await AskAsync(HttpMethod.Post, "/v1/bans", cancellationToken, """{"prefix":"192.0.2.7"}"""),
            Does.Contain("\"until\":\"2026-01-31T00:00:00Z\""));
    }

    [Test]
    public async Task Bans_MoreThanAnAnswerHas_ComeInPages(CancellationToken cancellationToken)
    {
        for (var i = 0; i < 2500; i++)
        {
            var range = ClientRange.Of(new((byte[])[10, 0, (byte)(i >> 8), (byte)i]), 32, 128);
            Shield.Bans.TryAdd(new(range, Time!.GetUtcNow(), Time.GetUtcNow().AddHours(1)), out _);
        }

        var seen = new List<string>();
        var after = "";
        do
        {
            var page = JsonDocument.Parse(await AskAsync(HttpMethod.Get, "/v1/bans" + after, cancellationToken)).RootElement;
            Assert.That(page.GetProperty("total").GetInt32(), Is.EqualTo(2500));
            seen.AddRange(page.GetProperty("bans").EnumerateArray().Select(static ban => ban.GetProperty("prefix").GetString()!));
            after = page.GetProperty("truncated").GetBoolean() ? $"?after={page.GetProperty("after").GetString()}" : "";
        }
        while (after.Length > 0);

        Assert.That((seen.Count, seen.Distinct().Count()), Is.EqualTo((2500, 2500)));
        Assert.That((await RunAsync("bans", cancellationToken)).Output.Split('\n'), Has.Length.EqualTo(2502), "a head, and an end of the last line");
    }

    [TestCase("""{"prefix":"127.0.0.1"}""", 409, "127.0.0.1 may not be banned: it is this host")]
    [TestCase("""{"prefix":"192.0.2.0/24","from":"192.0.2.77"}""", 409, "192.0.2.0/24 may not be banned: you are logged in from 192.0.2.77 in it")]
    [TestCase("""{"prefix":"10.0.0.0/15"}""", 400, "10.0.0.0/15 is wider than /16")]
    [TestCase("""{"prefix":"2001:db8::/31"}""", 400, "2001:db8::/31 is wider than /32")]
    [TestCase("""{"prefix":"192.0.2.7/24"}""", 400, "non-null host address bits")]
    [TestCase("""{"prefix":"192.0.2.7","for_s":0}""", 400, "for_s is out of range")]
    [TestCase("""{"prefix":"192.0.2.7","for_s":2592001}""", 400, "for_s is out of range")]
    [TestCase("""{"prefix":"192.0.2.7","for":5}""", 400, "the body is not what is expected")]
    [TestCase("""{"for_s":5}""", 400, "prefix is needed")]
    [TestCase("""{"prefix":"$(reboot)"}""", 400, "bad address")]
    [Property("Operations", "OPS-23")]
    public async Task Ban_ThatMayNotBe_IsRefusedWithTheReasonAndAudited(string json, int status, string reason, CancellationToken cancellationToken)
    {
        var (answered, body) = await ControlHttp.AskAsync(Place, HttpMethod.Post, "/v1/bans", cancellationToken, json);
        Assert.That((answered, body.Contains(reason, StringComparison.Ordinal)), Is.EqualTo((status, true)), body);
        Assert.That(Shield.Bans.Count, Is.Zero);
        Assert.That(Shield.Log.Lines, Has.Some.StartsWith("control: ban "));
    }

    [TestCase("""{"prefix":"10.0.0.0/8","wide":true}""", "10.0.0.0/8")]
    [TestCase("""{"prefix":"10.0.0.0/16"}""", "10.0.0.0/16")]
    [TestCase("""{"prefix":"2001:db8::/32"}""", "2001:db8::/32")]
    [TestCase("""{"prefix":"::ffff:192.0.2.7"}""", "192.0.2.7")]
    public async Task Ban_ThatMayBe_IsAnswered(string json, string prefix, CancellationToken cancellationToken)
    {
        Assert.That(await AskAsync(HttpMethod.Post, "/v1/bans", cancellationToken, json),
            Does.StartWith($"{{\"bans\":[{{\"prefix\":\"{prefix}\",\"state\":\"active\""));
        var escaped = prefix.Replace("/", "%2F", StringComparison.Ordinal);
        Assert.That(await AskAsync(HttpMethod.Get, "/v1/bans/" + escaped, cancellationToken), Does.Contain(prefix));
        Assert.That(await AskAsync(HttpMethod.Get, "/v1/bans/" + prefix, cancellationToken), Does.Contain(prefix));
        Assert.That(await AskAsync(HttpMethod.Get, "/v1/status", cancellationToken), Does.Contain("\"bans\":{\"total\":1,\"manual\":1,"));
    }

    // The process is gone behind an unban that was answered: whoever comes next knows nothing of the ban.
    [Test]
    [Property("Operations", "OPS-26")]
    public async Task State_BehindEachAnswer_IsOnTheDisk(CancellationToken cancellationToken)
    {
        await BanAsync("""{"prefix":"192.0.2.7"}""", cancellationToken);
        Assert.That(await File.ReadAllTextAsync(Path.Combine(_directory, "bans"), cancellationToken), Does.StartWith("192.0.2.7/32 "));
        await AskAsync(HttpMethod.Delete, "/v1/bans/192.0.2.7", cancellationToken, "{}");
        Assert.That(await File.ReadAllTextAsync(Path.Combine(_directory, "bans"), cancellationToken), Is.Empty);
        await AskAsync(HttpMethod.Post, "/v1/exemptions", cancellationToken, """{"prefix":"192.0.2.7","for_s":60,"why":"a b"}""");
        Assert.That(await File.ReadAllTextAsync(Path.Combine(_directory, "exemptions"), cancellationToken),
            Does.Match(@"^192\.0\.2\.7/32 1767225600 1767225660 ""uid \d+[^""]*"" ""a b""\n$"));
        await AskAsync(HttpMethod.Delete, "/v1/exemptions?prefix=192.0.2.7", cancellationToken, "{}");
        Assert.That(await File.ReadAllTextAsync(Path.Combine(_directory, "exemptions"), cancellationToken), Is.Empty);
    }

    private async Task<(RawSmtpClient Client, MtaConnection Mta)> BeginAsync(string address, CancellationToken cancellationToken)
    {
        var client = Keep(await Shield.ConnectAsync(cancellationToken));
        await client.SendAsync($"PROXY TCP4 {address} 127.0.0.1 4711 25\r\n", cancellationToken);
        var accepting = Mta.AcceptAsync(cancellationToken);
        var greeting = client.ReplyAsync(cancellationToken);
        if (await Task.WhenAny(accepting, greeting) == greeting)
            Assert.Fail($"{await greeting}\n{string.Join('\n', Shield.Log.Lines)}");
        var mta = await accepting;
        await mta.SendAsync("220 mx ESMTP\r\n", cancellationToken);
        Assert.That(await greeting, Is.EqualTo("220 mx ESMTP"));
        return (client, mta);
    }

    private async Task<string> GreetingAsync(string address, CancellationToken cancellationToken)
    {
        await using var client = await Shield.ConnectAsync(cancellationToken);
        await client.SendAsync($"PROXY TCP4 {address} 127.0.0.1 4711 25\r\n", cancellationToken);
        var greeting = client.ReplyAsync(cancellationToken);
        if (await Task.WhenAny(greeting, Task.Delay(TimeSpan.FromSeconds(20), TimeProvider.System, cancellationToken)) != greeting)
            Assert.Fail($"not refused\n{string.Join('\n', Shield.Log.Lines)}");
        return await greeting;
    }

    private async Task<bool> ServedAsync(string address, CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginAsync(address, cancellationToken);
        client.EndSending();
        mta.Close();
        return true;
    }

    private Task<string> BanAsync(string json, CancellationToken cancellationToken) => AskAsync(HttpMethod.Post, "/v1/bans", cancellationToken, json);

    private async Task<string> AskAsync(HttpMethod method, string resource, CancellationToken cancellationToken, string? json = null)
    {
        var (status, body) = await ControlHttp.AskAsync(Place, method, resource, cancellationToken, json);
        Assert.That(status, Is.EqualTo(200), body);
        return body;
    }

    private async Task<(int Status, string Output)> RunAsync(string command, CancellationToken cancellationToken)
    {
        using var output = new StringWriter { NewLine = "\n" };
        var root = new RootCommand("smtpshield") { ExplainCommand.Create(), ReleaseCommand.Create(), BansCommand.Create(), ShadowCommand.Create() };
        var status = await root.Parse($"{command} --socket {Place}")
            .InvokeAsync(new InvocationConfiguration { Output = output, Error = output }, cancellationToken);
        return (status, output.ToString());
    }
}
