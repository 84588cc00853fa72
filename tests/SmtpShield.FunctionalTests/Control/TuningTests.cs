using System.Net;
using System.Text.Json;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options.Parameters;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>Setting parameters on the running shield: what is in force when, what is kept, what is refused, and that all of it is told.</summary>
internal sealed class TuningTests : TuningFixture
{
    private static IEnumerable<string> Parameters => ParameterCatalog.All.Keys;

    [Test]
    [Property("Operations", "OPS-31")]
    public async Task Set_ALimitForAWhile_HoldsForTheNextConnectionUntilItsEnd(CancellationToken cancellationToken)
    {
        var answer = await SetAsync(Rate, "1", cancellationToken, ""","for_s":3600,"why":"flood \"x\"\n" """);
        Assert.That(answer.GetProperty("revision").GetInt32(), Is.EqualTo(2));
        Assert.That(answer.GetProperty("changes").EnumerateArray().Select(Summary), Is.EqualTo((string[])[
            "smtp 60 -> 1 runtime until 2026-11-28T04:12:01Z", "submission 10 -> 10 main.cf:15, does not apply"]));

        Count("127.0.0.1", 1);
        Assert.That(await GreetingAsync(cancellationToken), Does.StartWith("421 4.7.0 "));
        Assert.That(Shield.Log.Lines, Has.Some.Match(
            $@"^control: set {Rate} by uid \d+ (\(\w+\) )?""flood \\""x\\""\\\\n"": 1 until 2026-11-28T04:12:01Z, was 60 \(main\.cf:14\)$"));

        Time.Advance(TimeSpan.FromSeconds(3599));
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(1));
        Time.Advance(TimeSpan.FromSeconds(1));
        JsonElement changes;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            changes = await DoAsync(HttpMethod.Get, "/v1/changes", cancellationToken);
        }
        while (changes.GetProperty("changes").GetArrayLength() < 2);
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(60), "it has ended");
        Assert.That(await FileAsync(cancellationToken), Is.Empty);
        Assert.That(changes.GetProperty("changes").EnumerateArray().Select(static change =>
            $"{change.GetProperty("action").GetString()} {change.GetProperty("target").GetString()}: {change.GetProperty("before").GetString()} -> "
                + change.GetProperty("after").GetString()),
            Is.EqualTo((string[])[
                $"set {Rate}: 60 (main.cf:14) -> 1 until 2026-11-28T04:12:01Z", $"reset {Rate}: 1 -> 60 (main.cf:14)"]));
        Assert.That(Shield.Log.Lines, Has.Some.StartsWith($"control: {Rate} = 1 has ended: 60 (main.cf:14)"));
    }

    [Test]
    [Property("Operations", "OPS-31")]
    public async Task Set_SeveralTimes_EachEndBringsBackTheOneBelowAndResetTakesAll(CancellationToken cancellationToken)
    {
        await SetAsync(Rate, "30", cancellationToken);
        await SetAsync(Rate, "20", cancellationToken, ""","for_s":120""");
        await SetAsync(Rate, "10", cancellationToken, ""","for_s":60""");
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(10));
        await EndsAsync(60, 20);
        await EndsAsync(60, 30);

        await SetAsync(Rate, "5", cancellationToken, ""","for_s":60""");
        var parameter = await ParameterAsync(Rate, cancellationToken);
        Assert.That((parameter.GetProperty("value").GetString(), parameter.GetProperty("origin").GetString(),
            parameter.GetProperty("configured").GetProperty("value").GetString(), parameter.GetProperty("configured").GetProperty("origin").GetString(),
            parameter.GetProperty("overrides").GetArrayLength()), Is.EqualTo(("5", "runtime", "60", "main.cf:14", 2)));

        var answer = await DoAsync(HttpMethod.Delete, $"/v1/parameters/*/{Rate}", cancellationToken, """{"why":"over"}""");
        Assert.That(Summary(answer.GetProperty("changes")[0]), Is.EqualTo("smtp 5 -> 60 main.cf:14"));
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(60));
        var (status, body) = await AskAsync(HttpMethod.Delete, $"/v1/parameters/*/{Rate}", cancellationToken, "{}");
        Assert.That((status, body.Contains($"{Rate} is not set at run time", StringComparison.Ordinal)), Is.EqualTo((404, true)), body);

        async Task EndsAsync(int seconds, int value)
        {
            Time.Advance(TimeSpan.FromSeconds(seconds));
            await Eventually.HoldsAsync(() => Limits().ClientConnectionRateLimit == value, TimeSpan.FromSeconds(20), $"{value} is back", cancellationToken);
        }
    }

    [Test]
    [Property("Operations", "OPS-31")]
    public async Task Restart_WithOverrides_PutsThemInForceAgainWithoutThoseThatHaveEnded(CancellationToken cancellationToken)
    {
        await SetAsync(Rate, "5", cancellationToken);
        await SetAsync(Rate, "4", cancellationToken, ""","for_s":3600""");
        await SetAsync("smtpd_hard_error_limit", "3", cancellationToken, ""","for_s":60""");
        await DoAsync(HttpMethod.Put, "/v1/parameters/submission/smtpd_timeout", cancellationToken, """{"value":"7s"}""");
        Assert.That(await FileAsync(cancellationToken), Has.Length.EqualTo(4));

        Time.Advance(TimeSpan.FromSeconds(60));
        await RestartAsync();
        Assert.Multiple(() =>
        {
            Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(4));
            Assert.That(Limits().HardErrorLimit, Is.EqualTo(20), "it has ended");
            Assert.That(Shield.Snapshot.Current.Of("submission").Smtpd.Timeout, Is.EqualTo(TimeSpan.FromSeconds(7)));
            Assert.That(Shield.Snapshot.Current.Of("smtp").Smtpd.Timeout, Is.EqualTo(TimeSpan.FromSeconds(300)));
            Assert.That(Shield.Log.Lines, Does.Contain("control: 3 values set at run time are in force again"));
        });
        Time.Advance(TimeSpan.FromHours(1));
        await Eventually.HoldsAsync(() => Limits().ClientConnectionRateLimit == 5, TimeSpan.FromSeconds(20), "the end is kept, too", cancellationToken);
        Assert.That((await DoAsync(HttpMethod.Get, "/v1/status", cancellationToken)).GetProperty("overrides").GetInt32(), Is.EqualTo(2));
    }

    // Written by hand, or by another version: the file is no way around what may be set.
    [Test]
    [Property("Operations", "OPS-33"), Property("Operations", "OPS-34")]
    public async Task Restart_WithLinesThatAreNoneOrMayNotBe_LeavesThemOutAndSaysSo(CancellationToken cancellationToken)
    {
        await Shield.StopAsync(cancellationToken);
        await File.WriteAllTextAsync(OverridesFile, string.Join('\n',
            Line("shield_upstream", "192.0.2.1:25"), Line("smtpd_client_event_limit_exceptions", "/etc/passwd"), Line("submission2/inet/" + Rate, "5"),
            Line("smtpd_soft_error_limit", "0"), "\0\0\0", Line("smtpd_hard_error_limit", "3"), ""), cancellationToken);
        await RestartAsync();
        Assert.That(Limits().HardErrorLimit, Is.EqualTo(3));
        Assert.That(Shield.Log.Lines.Where(static line => line.Contains("dropped", StringComparison.Ordinal)), Is.EquivalentTo((string[])[
            "control: shield_upstream = 192.0.2.1:25 is dropped: there is no such parameter that may be set at run time",
            "control: smtpd_client_event_limit_exceptions = /etc/passwd is dropped: smtpd_client_event_limit_exceptions: a list that is set at run time may "
                + "not name files and tables",
            $"control: submission2/inet/{Rate} = 5 is dropped: there is no such service any more",
            "control: smtpd_soft_error_limit = 0 is dropped: the configuration has an error with it"]));
        Assert.That(Shield.Log.Lines, Has.Some.EndsWith("/overrides: line 5 is not understood and left out"));
        Assert.That(await FileAsync(cancellationToken), Has.Length.EqualTo(1));

        static string Line(string name, string value) => $"{name}\t2026-11-28T03:00:00Z\t-\tuid 0 (root)\t\t{value}";
    }

    [Test]
    [Property("Operations", "OPS-31")]
    public async Task DryRun_OfALimit_NamesWhoWouldBeOverItAndChangesNothing(CancellationToken cancellationToken)
    {
        for (var i = 1; i <= 30; i++)
            Count($"203.0.113.{i}", 5 + i);
        Count("192.0.2.7", 5, delivers: true);
        Count("198.51.100.3", 6, delivers: true);
        Count("198.51.100.4", 4, delivers: true);
        Count("127.255.255.254", 50, delivers: true);
        Count("203.0.113.99", 50, service: "submission");

        var answer = await SetAsync(Rate, "5", cancellationToken, ""","dry_run":true""");
        var over = answer.GetProperty("changes")[0].GetProperty("over");
        Assert.Multiple(() =>
        {
            Assert.That((over.GetProperty("clients").GetInt32(), over.GetProperty("deliver").GetInt32(), over.GetProperty("truncated").GetBoolean()),
                Is.EqualTo((32, 2, true)));
            Assert.That(over.GetProperty("named").EnumerateArray().Select(static client => client.GetProperty("client").GetString()), Is.EqualTo(
                ((string[])["198.51.100.3", "192.0.2.7"]).Concat(Enumerable.Range(13, 18).Reverse().Select(static i => $"203.0.113.{i}"))));
            Assert.That((answer.GetProperty("dry_run").GetBoolean(), answer.GetProperty("revision").GetInt32()), Is.EqualTo((true, 1)));
            Assert.That(answer.GetProperty("changes")[1].TryGetProperty("over", out _), Is.False, "submission keeps its own");
            Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(60));
        });
        Assert.That((await DoAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).GetProperty("changes").GetArrayLength(), Is.Zero);
        Assert.That(File.Exists(OverridesFile), Is.False);
    }

    [Test]
    [Property("Operations", "OPS-31")]
    public async Task DryRun_OfALimitOnSessions_SaysHowManyAreAboveIt(CancellationToken cancellationToken)
    {
        // One behind the other: the MTA sees clients that come at once in any order.
        await using var first = await GreetedAsync();
        await using var second = await GreetedAsync();

        var (status, output) = await RunAsync("limits set default_process_limit=1 --service smtp --dry-run", cancellationToken);
        Assert.That((status, output), Is.EqualTo((0, output)));
        Assert.That(output, Does.Match(@"^smtp  \d+ -> 1; over it now: 1 session\ndry run"));
        (status, output) = await RunAsync("limits set shield_upstream_session_limit=1 shield_upstream_reserve=0 --dry-run", cancellationToken);
        Assert.That((status, output), Is.EqualTo((0, output)));
        Assert.That(output, Does.Contain("shield_upstream_session_limit  smtp        90 -> 1; over it now: 1 session\n")
            .And.Match(@"shield_upstream_reserve +smtp +10 -> 0\n"), "of others nothing is said");
        (_, output) = await RunAsync("limits set default_process_limit=2 --service smtp --dry-run", cancellationToken);
        Assert.That(output, Does.Contain(" -> 2; over it now: no session\n"));

        async Task<RawSmtpClient> GreetedAsync()
        {
            var client = await Shield.ConnectAsync(cancellationToken);
            await (await Mta.AcceptAsync(cancellationToken)).SendAsync("220 mx\r\n", cancellationToken);
            await client.ReplyAsync(cancellationToken);
            return client;
        }
    }

    // One session has two errors and three junk commands, another one two recipients, and a third at the other service the same errors.
    [Test]
    [Property("Operations", "OPS-31")]
    public async Task Change_OfALimitInsideSessions_SaysHowManyAreAtItNow(CancellationToken cancellationToken)
    {
        var limit = TimeSpan.FromSeconds(30);
        await using var wrong = await Shield.ConnectAsync(cancellationToken);
        await using var wrongsMta = await GreetAsync(wrong);
        await ExchangeAsync(wrong, wrongsMta, "RCPT TO:<a@y>", "503 5.5.1 no");
        await ExchangeAsync(wrong, wrongsMta, "RCPT TO:<b@y>", "503 5.5.1 no");
        for (var i = 0; i < 3; i++)
            await ExchangeAsync(wrong, wrongsMta, "NOOP", "250 2.0.0 ok");
        await using var right = await Shield.ConnectAsync(cancellationToken);
        await using var rightsMta = await GreetAsync(right);
        await ExchangeAsync(right, rightsMta, "MAIL FROM:<a@x>", "250 2.1.0 ok");
        await ExchangeAsync(right, rightsMta, "RCPT TO:<a@y>", "250 2.1.5 ok");
        await ExchangeAsync(right, rightsMta, "RCPT TO:<b@y>", "250 2.1.5 ok");
        await using var other = await RawSmtpClient.ConnectAsync(Shield.EndPointOf("submission"), IPAddress.Loopback, cancellationToken);
        await using var othersMta = await GreetAsync(other);
        await ExchangeAsync(other, othersMta, "RCPT TO:<a@y>", "503 5.5.1 no");
        await ExchangeAsync(other, othersMta, "RCPT TO:<b@y>", "503 5.5.1 no");
        // How a session stands is known behind the step in which its reply has left.
        await Eventually.HoldsAsync(
            () => Shield.Sessions.Views.Select(static view => (view.Service, view.Standing.Errors, view.Standing.JunkCommands, view.Standing.Recipients))
                .Order().SequenceEqual([("smtp", 0, 0, 2), ("smtp", 2, 3, 0), ("submission", 2, 0, 0)]),
            limit, "what the sessions have done", cancellationToken);

        Assert.Multiple(async () =>
        {
            foreach (var (name, at, above) in ((string, int, int)[])[
                ("smtpd_hard_error_limit", 2, 3), ("smtpd_soft_error_limit", 2, 3), ("smtpd_junk_command_limit", 2, 3), ("smtpd_recipient_limit", 2, 3)])
            {
                var (_, output) = await RunAsync($"limits set {name}={at} --service smtp --dry-run", cancellationToken);
                Assert.That(output, Does.Match($@"^smtp  \d+ -> {at}; over it now: 1 session\ndry run"), name);
                (_, output) = await RunAsync($"limits set {name}={above} --service smtp --dry-run", cancellationToken);
                Assert.That(output, Does.Match($@"^smtp  \d+ -> {above}; over it now: no session\ndry run"), name);
            }
        });

        var (_, printed) = await RunAsync("limits set smtpd_hard_error_limit=2 --for 1h", cancellationToken);
        Assert.That(printed, Does.StartWith(
            "smtp        20 -> 2 until 04:12:01; over it now: 1 session\nsubmission  20 -> 2 until 04:12:01; over it now: 1 session\n"));
        await wrong.SendAsync("NOOP\r\n", cancellationToken);
        await wrongsMta.ReadLineAsync(cancellationToken);
        await wrongsMta.SendAsync("250 2.0.0 ok\r\n", cancellationToken);
        Assert.That(await wrong.ReplyAsync(cancellationToken), Does.StartWith("250"));
        Assert.That(await wrong.ReplyAsync(cancellationToken), Does.StartWith("421 4.7.0 mail.example.com Error: too many errors"));

        async Task<MtaConnection> GreetAsync(RawSmtpClient client)
        {
            var mta = await Mta.AcceptAsync(cancellationToken);
            await mta.SendAsync("220 mx\r\n", cancellationToken);
            await client.ReplyAsync(cancellationToken);
            return mta;
        }

        async Task ExchangeAsync(RawSmtpClient client, MtaConnection mta, string command, string reply)
        {
            await client.SendAsync(command + "\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(command));
            await mta.SendAsync(reply + "\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith(reply));
        }
    }

    [Test]
    [Property("Operations", "OPS-32")]
    public async Task Change_OfAnotherRevisionThanTheOneInForce_IsRefused(CancellationToken cancellationToken)
    {
        const string Resource = $"/v1/parameters/*/{Rate}";
        Assert.That((await AskAsync(HttpMethod.Put, Resource, cancellationToken, """{"value":"5"}""", "\"1\"")).Status, Is.EqualTo(200));
        var (status, body) = await AskAsync(HttpMethod.Put, Resource, cancellationToken, """{"value":"6"}""", "\"1\"");
        Assert.That(status, Is.EqualTo(412), body);
        Assert.That(body, Does.Contain("revision 2 is in force, not 1"));
        Assert.That((await AskAsync(HttpMethod.Delete, Resource, cancellationToken, "{}", "\"1\"")).Status, Is.EqualTo(412));
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(5));
        Assert.That((await AskAsync(HttpMethod.Put, Resource, cancellationToken, """{"value":"6"}""", "\"2\"")).Status, Is.EqualTo(200));
        Assert.That((await AskAsync(HttpMethod.Put, Resource, cancellationToken, """{"value":"7"}""", "*")).Status, Is.EqualTo(200));
        Assert.That((await AskAsync(HttpMethod.Put, Resource, cancellationToken, """{"value":"7"}""", "W/\"3\"")).Status, Is.EqualTo(400));

        // Of two at the same time one is told.
        var both = await Task.WhenAll(Enumerable.Range(8, 2).Select(value =>
            AskAsync(HttpMethod.Put, Resource, cancellationToken, $$"""{"value":"{{value}}"}""", "\"4\"")));
        Assert.That(both.Select(static answer => answer.Status).Order(), Is.EqualTo((int[])[200, 412]));
    }

    [Test]
    [Property("Operations", "OPS-32")]
    public async Task Reload_OfTheFile_IsAnotherRevision(CancellationToken cancellationToken)
    {
        await SaveAsync("smtpd_hard_error_limit = 7");
        await DoAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        Assert.That((await AskAsync(HttpMethod.Put, $"/v1/parameters/*/{Rate}", cancellationToken, """{"value":"5"}""", "\"1\"")).Status, Is.EqualTo(412));
        Assert.That(Limits().HardErrorLimit, Is.EqualTo(7));
    }

    [TestCaseSource(nameof(Parameters))]
    [Property("Operations", "OPS-33")]
    public async Task Set_EveryParameter_IsDoneOrRefusedWithTheReason(string name)
    {
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        var isTunable = TunableParameters.Contains(name);
        if (isTunable)
        {
            var value = (await ParameterAsync(name, cancellationToken)).GetProperty("value").GetString()!;
            await SetAsync(name, value, cancellationToken);
            Assert.That((await ParameterAsync(name, cancellationToken)).GetProperty("origin").GetString(), Is.EqualTo("runtime"));
        }

        foreach (var value in (string[])["cidr:/etc/passwd", "/etc/passwd", "5\nshield_listen = x", "$(x)", new('9', 60_000)])
        {
            var before = Shield.Snapshot.Current;
            var (status, body) = await AskAsync(
                HttpMethod.Put, $"/v1/parameters/*/{name}", cancellationToken, JsonSerializer.Serialize(new Dictionary<string, string> { ["value"] = value }));
            Assert.That(status, Is.EqualTo(isTunable ? 422 : 403), body);
            Assert.That(body, Does.Not.Contain("root:").And.Not.Contain("shield_listen = x").And.Length.LessThan(4096));
            Assert.That(Shield.Snapshot.Current, Is.SameAs(before));
        }
    }

    [TestCase("smtpd_timout", """{"value":"5"}""", 404, "no such parameter: smtpd_timout", "did you mean smtpd_timeout?")]
    [TestCase("maillog_file", """{"value":"/etc/passwd"}""", 403, "maillog_file can't be set at run time: it names files", "postconf -e")]
    [TestCase("smtpd_hard_error_limit", """{"value":"many"}""", 422, "bad numerical configuration: smtpd_hard_error_limit = many", "write a whole number")]
    [TestCase("smtpd_hard_error_limit", """{"value":"0"}""", 422, "invalid smtpd_hard_error_limit parameter value 0", "write a whole number")]
    [TestCase("smtpd_hard_error_limit", """{"value":"5","for_s":0}""", 400, "for_s is out of range", "1 to 2592000")]
    [TestCase("smtpd_hard_error_limit", """{"value":"5","for_s":2592001}""", 400, "for_s is out of range", "1 to 2592000")]
    [TestCase("smtpd_hard_error_limit", """{"for_s":5}""", 400, "value is needed", "send ")]
    [TestCase("smtpd_hard_error_limit", """{"value":"5","fors":5}""", 400, "the body is not what is expected", "send ")]
    [TestCase("smtpd_hard_error_limit", "", 400, "the body is not what is expected", "send ")]
    [Property("Operations", "OPS-33"), Property("Operations", "OPS-35"), Property("Operations", "OPS-2")]
    public async Task Set_WhatIsWrong_IsRefusedAndKeptAsSuch(
        string name, string json, int status, string message, string remedy, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(HttpMethod.Put, $"/v1/parameters/*/{name}", cancellationToken, json);
        Assert.That(answer.Status, Is.EqualTo(status), answer.Body);
        var problem = JsonDocument.Parse(answer.Body).RootElement.GetProperty("problems")[0];
        Assert.That(problem.GetProperty("message").GetString(), Does.StartWith(message));
        Assert.That(problem.GetProperty("remedy").GetString(), Does.Contain(remedy));
        var changes = (await DoAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).GetProperty("changes");
        Assert.That(changes.EnumerateArray().Select(static change => change.GetProperty("refused").GetString()), Is.EqualTo((string[])[
            problem.GetProperty("message").GetString()!]));
        Assert.That(Shield.Log.Lines.Count(line => line.StartsWith($"control: set {name} by uid ", StringComparison.Ordinal)
            && line.Contains(" refused: ", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [TestCase("nix", Rate, 404, "no such service: nix")]
    [TestCase("smtp", "anvil_rate_time_unit", 422, "anvil_rate_time_unit is the same for all services: smtp/inet/anvil_rate_time_unit")]
    [TestCase("smtp", "x%0ay", 404, "no such parameter: x\\\\ny")]
    public async Task Set_AtAService_WhatIsNotThere_IsRefused(string service, string name, int status, string message, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(HttpMethod.Put, $"/v1/parameters/{service}/{name}", cancellationToken, """{"value":"5"}""");
        Assert.That(answer.Status, Is.EqualTo(status), answer.Body);
        Assert.That(answer.Body, Does.Contain(message));
    }

    [Test]
    [Property("Operations", "OPS-34")]
    public async Task Set_APairThatDoesNotGoTogether_ChangesNothingAndSaysAllThatIsWrong(CancellationToken cancellationToken)
    {
        var before = Shield.Snapshot.Current;
        var (status, body) = await AskAsync(HttpMethod.Post, "/v1/parameters", cancellationToken, """
            {"set":{"shield_upstream_session_limit":"5","shield_upstream_reserve":"5","smtpd_soft_error_limit":"x","smtpd_timeout":"y"}}
            """);
        Assert.That(status, Is.EqualTo(422), body);
        var problems = JsonDocument.Parse(body).RootElement.GetProperty("problems").EnumerateArray().Select(static problem => problem.GetProperty("message")
            .GetString()).ToList();
        Assert.That(problems, Has.Some.Contains("smtpd_soft_error_limit = x").And.Some.Contains("smtpd_timeout").And.Some.Contains("shield_upstream_reserve"));
        Assert.That(Shield.Snapshot.Current, Is.SameAs(before));
        Assert.That(File.Exists(OverridesFile), Is.False);

        await DoAsync(HttpMethod.Post, "/v1/parameters", cancellationToken,
            """{"set":{"shield_upstream_session_limit":"5","shield_upstream_reserve":"4"},"for_s":60}""");
        Assert.That((Shield.Snapshot.Current.Of("smtp").Upstream.SessionLimit, Shield.Snapshot.Current.Of("smtp").Upstream.SessionReserve),
            Is.EqualTo((5, 4)));
    }

    [Test]
    [Property("Operations", "OPS-34")]
    public async Task Save_OfAFileThatSetsAnOverriddenName_TheOverrideStaysAndItIsSaid(CancellationToken cancellationToken)
    {
        await SetAsync(Rate, "5", cancellationToken, ""","for_s":3600""");
        await SaveAsync("", "30");
        await DoAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(5));
        await Eventually.HoldsAsync(
            () => Shield.Log.Lines.Contains($"control: {Rate} = 5 stays until 2026-11-28T04:12:01Z; main.cf:14 says 30"), TimeSpan.FromSeconds(20),
            "it is said", cancellationToken);
        await DoAsync(HttpMethod.Delete, $"/v1/parameters/*/{Rate}", cancellationToken, "{}");
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(30));
    }

    [Test]
    [Property("Operations", "OPS-34")]
    public async Task Save_OfAFileWithoutAService_DropsItsOverrides(CancellationToken cancellationToken)
    {
        await DoAsync(HttpMethod.Put, $"/v1/parameters/submission/{Rate}", cancellationToken, """{"value":"3"}""");
        await SetAsync(Rate, "5", cancellationToken);
        await SaveAsync("shield_services = smtp");
        await DoAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        await Eventually.HoldsAsync(
            () => Shield.Log.Lines.Contains($"control: submission/inet/{Rate} = 3 is dropped: there is no such service any more"), TimeSpan.FromSeconds(20),
            "it is said", cancellationToken);
        await Eventually.HoldsAsync(() => File.ReadAllLines(OverridesFile).Length == 1, TimeSpan.FromSeconds(20), "it is not kept", cancellationToken);
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(5));
    }

    [Test]
    [Property("Operations", "OPS-34")]
    public async Task Reload_WithoutAService_ItIsNeitherSetNorShownAndAnEndSaysThatItKeepsWhatItHad(CancellationToken cancellationToken)
    {
        await SetAsync("smtpd_hard_error_limit", "5", cancellationToken, ""","for_s":60""");
        await SaveAsync("shield_services = smtp");
        await DoAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        var (status, body) = await AskAsync(HttpMethod.Put, $"/v1/parameters/submission/{Rate}", cancellationToken, """{"value":"3"}""");
        Assert.That((status, body.Contains("submission is not in shield_services any more", StringComparison.Ordinal)), Is.EqualTo((404, true)), body);
        Assert.That((await DoAsync(HttpMethod.Get, $"/v1/parameters?name={Rate}", cancellationToken)).GetProperty("parameters").GetArrayLength(),
            Is.EqualTo(1));

        Time.Advance(TimeSpan.FromSeconds(60));
        await Eventually.HoldsAsync(
            () => Shield.Log.Lines.Contains(
                "control: smtpd_hard_error_limit = 5 has ended: 20 (default); until the restart submission keeps what it had"),
            TimeSpan.FromSeconds(20), "it ends", cancellationToken);
    }

    /// <summary>It is served from the restart on, and nothing is known of its clients until then.</summary>
    [Test]
    [Property("Operations", "OPS-34")]
    public async Task Reload_WithAnotherService_ItIsNeitherSetNorShownYet(CancellationToken cancellationToken)
    {
        await SaveAsync("shield_services = smtp submission other\nother/inet/shield_listen = 127.0.0.1:0");
        await DoAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        var changes = (await SetAsync(Rate, "5", cancellationToken)).GetProperty("changes");
        Assert.That(changes.EnumerateArray().Select(static change => change.GetProperty("service").GetString()),
            Is.EqualTo((string[])["smtp", "submission"]));
        Assert.That((await AskAsync(HttpMethod.Put, $"/v1/parameters/other/{Rate}", cancellationToken, """{"value":"3"}""")).Status, Is.EqualTo(404));
    }

    /// <summary>What is set at run time changes nothing else: a file that a list names is read when the configuration is.</summary>
    [Test]
    [Property("Operations", "OPS-34")]
    public async Task Change_WhileAFileOfAListIsGone_IsOfTheListInForce(CancellationToken cancellationToken)
    {
        var file = MainCf + ".exceptions";
        await File.WriteAllTextAsync(file, "192.0.2.1\n", cancellationToken);
        await SaveAsync($"smtpd_client_event_limit_exceptions = {file}");
        await DoAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        File.Delete(file);
        Assert.That((await AskAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}")).Status, Is.EqualTo(422));

        await SetAsync(Rate, "5", cancellationToken, ""","for_s":60""");
        Assert.That((Limits().ClientConnectionRateLimit, Limits().ClientEventLimitExceptions.Matches(IPAddress.Parse("192.0.2.1"), "unknown")),
            Is.EqualTo((5, true)));
        Time.Advance(TimeSpan.FromSeconds(60));
        await Eventually.HoldsAsync(() => Limits().ClientConnectionRateLimit == 60, TimeSpan.FromSeconds(20), "it ends", cancellationToken);
    }

    /// <summary>The file goes with what was set at run time only: that can't end, and keeps nothing else in force.</summary>
    [Test]
    [Property("Operations", "OPS-34")]
    public async Task End_OfTwoOfWhichOneCannotEnd_IsOfTheOther(CancellationToken cancellationToken)
    {
        await SetAsync("shield_upstream_session_limit", "20", cancellationToken, ""","for_s":60""");
        await SetAsync(Rate, "5", cancellationToken, ""","for_s":60""");
        await SaveAsync("shield_upstream_session_limit = 3");
        await DoAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        Time.Advance(TimeSpan.FromSeconds(60));
        await Eventually.HoldsAsync(() => Limits().ClientConnectionRateLimit == 60, TimeSpan.FromSeconds(20), "it ends", cancellationToken);
        await Eventually.HoldsAsync(
            () => Shield.Log.Lines.Any(static line => line.StartsWith("control: shield_upstream_session_limit = 20 has ended, but stays in force: ",
                StringComparison.Ordinal)), TimeSpan.FromSeconds(20), "it is said", cancellationToken);
        Assert.That(Shield.Snapshot.Current.Of("smtp").Upstream.SessionLimit, Is.EqualTo(20));
        await SetAsync(Rate, "7", cancellationToken);
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(7), "what can't end keeps nobody from changing other values");
    }

    /// <summary>Somebody changes another value when it is over and its timer has not come yet.</summary>
    [Test]
    [Property("Operations", "OPS-31")]
    public async Task Change_BehindTheEndOfAnother_TellsOfThatEnd(CancellationToken cancellationToken)
    {
        await SetAsync(Rate, "1", cancellationToken, ""","for_s":60""");
        Clock.Step = TimeSpan.FromSeconds(60);
        var answer = await SetAsync("smtpd_hard_error_limit", "5", cancellationToken);
        Assert.That(answer.GetProperty("changes").EnumerateArray().Select(static change => change.GetProperty("name").GetString()).Distinct(),
            Is.EqualTo((string[])["smtpd_hard_error_limit"]));
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(60));
        Assert.That(Shield.Log.Lines, Does.Contain($"control: {Rate} = 1 has ended: 60 (main.cf:14)"));
        Assert.That((await DoAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).GetProperty("changes").EnumerateArray().Select(static change =>
            $"{change.GetProperty("action").GetString()} {change.GetProperty("target").GetString()}"),
            Is.EquivalentTo((string[])[$"set {Rate}", $"reset {Rate}", "set smtpd_hard_error_limit"]));
    }

    [TestCase("""{"set":{"smtpd_timeout":null}}""")]
    [TestCase("""{"reset":[null]}""")]
    [TestCase("""{"reset":["smtpd_timeout",null],"to":1}""")]
    [Property("Operations", "OPS-2")]
    public async Task Change_WithNull_IsNotWhatIsExpected(string json, CancellationToken cancellationToken)
    {
        var (status, body) = await AskAsync(HttpMethod.Post, "/v1/parameters", cancellationToken, json);
        Assert.That((status, body.Contains("the body is not what is expected", StringComparison.Ordinal)), Is.EqualTo((400, true)), body);
    }

    [Test]
    [Property("Operations", "OPS-14")]
    public async Task Set_ALimitInShadow_SaysThatItHasNoEffect(CancellationToken cancellationToken)
    {
        Assert.That(NotesOf(await SetAsync("shield_shadow", Rate, cancellationToken)), Is.Empty);
        Assert.That(NotesOf(await SetAsync(Rate, "5", cancellationToken)), Is.EqualTo((string[])[
            $"{Rate} is in shadow at service smtp: it has no effect (shield_shadow)"]));
        Assert.That(NotesOf(await SetAsync("smtpd_hard_error_limit", "5", cancellationToken)), Is.Empty);

        static IEnumerable<string?> NotesOf(JsonElement answer) => answer.GetProperty("notes").EnumerateArray().Select(static note => note.GetString());
    }

    [Test]
    [Property("Operations", "OPS-18")]
    public async Task Shadow_OfTwoServices_TellsOfAsManyCandidatesOfEach(CancellationToken cancellationToken)
    {
        for (var i = 0; i < 1001; i++)
        {
            var key = new AnvilKey("smtp", ClientRange.Of(new IPAddress([192, 0, (byte)(i >> 8), (byte)i]), 32, 64));
            Shield.ShadowOf("smtp").NoteHit(key, "unknown", Rate, 6, 5);
            Shield.ShadowOf("smtp").NoteMessage(key, Rate);
        }

        Assert.That((await DoAsync(HttpMethod.Get, "/v1/shadow", cancellationToken)).GetProperty("services").EnumerateArray().Select(Told),
            Is.EqualTo((string[])["smtp 500 of 1001", "submission 0 of 0"]));
        Assert.That(Told((await DoAsync(HttpMethod.Get, "/v1/shadow?service=smtp", cancellationToken)).GetProperty("services")[0]),
            Is.EqualTo("smtp 1000 of 1001"));

        static string Told(JsonElement at) => $"{at.GetProperty("service").GetString()} {at.GetProperty("candidates").GetArrayLength()} of "
            + at.GetProperty("candidates_total").GetInt32();
    }

    // At three in the morning, with a file somebody has saved half.
    [Test]
    [Property("Operations", "OPS-34")]
    public async Task Change_WhileTheFileHasErrors_IsOfTheConfigurationInForce(CancellationToken cancellationToken)
    {
        await SaveAsync("smtpd_hard_error_limit = many");
        var (status, body) = await AskAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        Assert.That(status, Is.EqualTo(422), body);
        Assert.That(body, Does.Contain("bad numerical configuration: smtpd_hard_error_limit = many").And.Contain("\"line\":16"));

        await SetAsync(Rate, "5", cancellationToken, ""","for_s":60""");
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(5));
        Assert.That((await ParameterAsync("smtpd_hard_error_limit", cancellationToken)).GetProperty("value").GetString(), Is.EqualTo("20"));
        Time.Advance(TimeSpan.FromSeconds(60));
        await Eventually.TryAsync(() => Limits().ClientConnectionRateLimit == 60, TimeSpan.FromSeconds(20), cancellationToken);
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(60), string.Join('\n', Shield.Log.Lines));
        var configuration = (await DoAsync(HttpMethod.Get, "/v1/status", cancellationToken)).GetProperty("configuration");
        Assert.That((configuration.GetProperty("refused").GetBoolean(), configuration.GetProperty("generation").GetInt32()), Is.EqualTo((true, 3)));
    }

    [Test]
    [Property("Operations", "OPS-35")]
    public async Task Reset_ToARevision_GoesBackToWhatWasSetThen(CancellationToken cancellationToken)
    {
        await SetAsync(Rate, "5", cancellationToken);
        await SetAsync("smtpd_hard_error_limit", "3", cancellationToken);
        await SetAsync(Rate, "4", cancellationToken);
        await DoAsync(HttpMethod.Post, "/v1/parameters", cancellationToken, """{"to":2}""");
        Assert.That((Limits().ClientConnectionRateLimit, Limits().HardErrorLimit), Is.EqualTo((5, 20)));
        await DoAsync(HttpMethod.Post, "/v1/parameters", cancellationToken, """{"to":4}""");
        Assert.That((Limits().ClientConnectionRateLimit, Limits().HardErrorLimit), Is.EqualTo((4, 3)));
        await DoAsync(HttpMethod.Post, "/v1/parameters", cancellationToken, """{"to":1,"reset":["smtpd_hard_error_limit"]}""");
        Assert.That((Limits().ClientConnectionRateLimit, Limits().HardErrorLimit), Is.EqualTo((4, 20)));
        var (status, body) = await AskAsync(HttpMethod.Post, "/v1/parameters", cancellationToken, """{"to":99}""");
        Assert.That((status, body.Contains("no such revision: 99", StringComparison.Ordinal)), Is.EqualTo((404, true)), body);
        Assert.That((await DoAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).GetProperty("changes").EnumerateArray().Select(static change =>
            change.GetProperty("action").GetString() + (change.TryGetProperty("refused", out _) ? " refused" : "")),
            Is.EqualTo((string[])["set", "set", "set", "reset", "reset", "reset", "reset", "reset", "set refused"]));
    }

    [Test]
    [Property("Operations", "OPS-32"), Property("Operations", "OPS-35")]
    public async Task Restart_WhateverWasSet_RevisionsAndChangesGoOn(CancellationToken cancellationToken)
    {
        await SetAsync(Rate, "5", cancellationToken, ""","why":"flood \"x\" """ + "\"");
        await SetAsync("smtpd_hard_error_limit", "3", cancellationToken);
        await SaveAsync("smtpd_soft_error_limit = 7");
        await DoAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        await SetAsync(Rate, "4", cancellationToken, ""","for_s":60""");
        await DoAsync(HttpMethod.Post, "/v1/parameters", cancellationToken, """{"to":1}""");
        await AskAsync(HttpMethod.Delete, $"/v1/parameters/*/{Rate}", cancellationToken, "{}");
        var before = (await DoAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).GetProperty("changes").GetRawText();
        Assert.That(await RevisionAsync(), Is.EqualTo(6));

        await RestartAsync();
        Assert.That(await RevisionAsync(), Is.EqualTo(7), "nothing was set");
        Assert.That((await DoAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).GetProperty("changes").GetRawText(), Is.EqualTo(before));
        Assert.That((await AskAsync(HttpMethod.Put, $"/v1/parameters/*/{Rate}", cancellationToken, """{"value":"9"}""", "\"6\"")).Status, Is.EqualTo(412));
        // Between these there was another file, and the value of the time that is over meanwhile is in none.
        await GoBackAsync(4, 5, 3);
        await GoBackAsync(2, 5, 20);
        Time.Advance(TimeSpan.FromSeconds(60));
        await GoBackAsync(5, 5, 3);

        await RestartAsync();
        Assert.That(await RevisionAsync(), Is.EqualTo(11), "what was set is in force again");
        Assert.That((Limits().ClientConnectionRateLimit, Limits().HardErrorLimit), Is.EqualTo((5, 3)));
        await GoBackAsync(1, 60, 20);
        var (status, body) = await AskAsync(HttpMethod.Post, "/v1/parameters", cancellationToken, """{"to":13}""");
        Assert.That((status, body.Contains("there are 1 to 12", StringComparison.Ordinal)), Is.EqualTo((404, true)), body);
        var numbers = (await DoAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).GetProperty("changes").EnumerateArray()
            .Select(static change => change.GetProperty("number").GetInt32()).ToList();
        Assert.That(numbers, Is.EqualTo(Enumerable.Range(1, numbers.Count)));

        async Task<int> RevisionAsync() =>
            (await DoAsync(HttpMethod.Get, $"/v1/parameters?name={Rate}", cancellationToken)).GetProperty("revision").GetInt32();

        async Task GoBackAsync(int revision, int rate, int errors)
        {
            await DoAsync(HttpMethod.Post, "/v1/parameters", cancellationToken, $$"""{"to":{{revision}}}""");
            Assert.That((Limits().ClientConnectionRateLimit, Limits().HardErrorLimit), Is.EqualTo((rate, errors)));
        }
    }

    [Test]
    [Property("Operations", "OPS-2"), Property("Operations", "OPS-35")]
    public async Task Changes_OfAService_AreItsOwnAndThoseOfAll(CancellationToken cancellationToken)
    {
        await SetAsync(Rate, "5", cancellationToken);
        await DoAsync(HttpMethod.Put, $"/v1/parameters/submission/{Rate}", cancellationToken, """{"value":"7"}""");
        await DoAsync(HttpMethod.Post, "/v1/clients/192.0.2.7/release", cancellationToken, """{"service":"smtp"}""");
        await DoAsync(HttpMethod.Post, "/v1/clients/192.0.2.8/release", cancellationToken, "{}");

        Assert.That(await ChangesAsync("changes"), Is.EqualTo("1 2 3 4"));
        Assert.That(await ChangesAsync("changes --service smtp"), Is.EqualTo("1 3 4"));
        Assert.That(await ChangesAsync("changes --service submission --after 1"), Is.EqualTo("2 4"));
        Assert.That(await RunAsync("changes --service nix", cancellationToken), Is.EqualTo(
            (1, "smtpshield: no such service: nix (there are smtp, submission)\n")));

        Assert.That((await AskAsync(HttpMethod.Put, $"/v1/parameters/submission/{Rate}", cancellationToken, """{"value":"x"}""")).Status, Is.EqualTo(422));
        Assert.That((await ChangesAsync("changes --service smtp"), await ChangesAsync("changes --service submission --after 4")),
            Is.EqualTo(("1 3 4", "5")), "what was refused, too");

        async Task<string> ChangesAsync(string command)
        {
            var (status, output) = await RunAsync(command, cancellationToken);
            Assert.That(status, Is.Zero, output);
            return string.Join(' ', output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..].Select(static line => line.Split(' ')[0]));
        }
    }

    [Test]
    [Property("Operations", "OPS-33")]
    public async Task Restart_WithoutTheLastRevision_UsesNoNumberAgain(CancellationToken cancellationToken)
    {
        await Shield.StopAsync(cancellationToken);
        await File.WriteAllTextAsync(RevisionsFile, "lost\t9\nrevision\t7\nrevision\t8\t3\n", cancellationToken);
        await RestartAsync();

        var answer = await SetAsync(Rate, "5", cancellationToken);
        Assert.That(answer.GetProperty("revision").GetInt32(), Is.GreaterThan(8));
    }

    // Written by hand, or by another version: the file is no way around what may be set, and no revision is another one's.
    [Test]
    [Property("Operations", "OPS-33")]
    public async Task Restart_WithRevisionsThatAreNone_LeavesOutThoseBefore(CancellationToken cancellationToken)
    {
        await Shield.StopAsync(cancellationToken);
        await File.WriteAllTextAsync(RevisionsFile, string.Join('\n',
            "last\t9", Value(0, Rate, "5"), Value(1, "shield_upstream", "192.0.2.1:25"), "revision\t4\t0", "revision\t5\t0\t7", "revision\t6\t0\t1",
            "revision\t10\t0", "revision\t7"), cancellationToken);
        await File.WriteAllTextAsync(ChangesFile, """{"number":7,"at":"2026-11-28T03:00:00Z","by":"time","action":"reset","target":"a"}""" + "\n{}\n\0\n",
            cancellationToken);
        await RestartAsync();
        var (status, body) = await AskAsync(HttpMethod.Post, "/v1/parameters", cancellationToken, """{"to":6}""");
        Assert.That((status, body.Contains("there are 7 to 10", StringComparison.Ordinal)), Is.EqualTo((404, true)), body);
        Assert.That(Shield.Log.Lines, Has.One.EndsWith("is not understood and left out"), "once a minute");
        var changes = await DoAsync(HttpMethod.Get, "/v1/changes?after=6", cancellationToken);
        Assert.That(changes.GetProperty("changes").EnumerateArray().Select(static change => change.GetProperty("number").GetInt32()),
            Is.EqualTo((int[])[7, 8]));
        Assert.That((await DoAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).GetProperty("truncated").GetBoolean(), "those before are not kept");

        static string Value(int index, string name, string value) => $"value\t{index}\t{name}\t2026-11-28T03:00:00Z\t-\tuid 0 (root)\t\t{value}";
    }

    [Test]
    public async Task Set_MoreThanThereMayBe_IsRefused(CancellationToken cancellationToken)
    {
        // Ends that are earlier each time: each stays below the next one.
        for (var i = 0; i < 100; i++)
            await SetAsync(Rate, "5", cancellationToken, $$""","for_s":{{1000 - i}}""");
        var (status, body) = await AskAsync(HttpMethod.Put, $"/v1/parameters/*/{Rate}", cancellationToken, """{"value":"5","for_s":5}""");
        Assert.That(status, Is.EqualTo(409), body);
        await SetAsync(Rate, "5", cancellationToken, ""","for_s":5000""");
        Assert.That(await FileAsync(cancellationToken), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Status_LongBeforeAnEnd_SaysSoOnlyWhileTheLimitIsHit(CancellationToken cancellationToken)
    {
        await SetAsync(Rate, "1", cancellationToken, ""","for_s":3601""");
        Count("127.0.0.1", 1);
        await HitAsync(cancellationToken);
        Assert.That(await AttentionAsync(), Is.Empty, "not within an hour");

        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await AttentionAsync(), Is.EqualTo((string[])[$"smtp: {Rate} = 1 ends in 60m and was hit once in the last hour"]));
        Time.Advance(TimeSpan.FromMinutes(9));
        Assert.That(await AttentionAsync(), Is.EqualTo((string[])[$"smtp: {Rate} = 1 ends in 51m and was hit once in the last hour"]));
        Time.Advance(TimeSpan.FromMinutes(3));
        Assert.That(await AttentionAsync(), Is.Empty, "the flood is over");

        async Task<IEnumerable<string?>> AttentionAsync() =>
            (await DoAsync(HttpMethod.Get, "/v1/status", cancellationToken)).GetProperty("attention").EnumerateArray().Select(static one => one.GetString());
    }

    [Test]
    public async Task Status_BeforeAnEnd_SaysSoAndMetricsHaveIt(CancellationToken cancellationToken)
    {
        await SetAsync(Rate, "1", cancellationToken, ""","for_s":900""");
        Count("127.0.0.1", 1);
        await HitAsync(cancellationToken);
        var status = await DoAsync(HttpMethod.Get, "/v1/status", cancellationToken);
        Assert.That(status.GetProperty("attention").EnumerateArray().Select(static sentence => sentence.GetString()), Is.EqualTo((string[])[
            $"smtp: {Rate} = 1 ends in 15m and was hit once in the last hour"]));
        Assert.That((await ParameterAsync(Rate, cancellationToken)).GetProperty("hits_1h").GetInt32(), Is.EqualTo(1));

        Time.Advance(TimeSpan.FromMinutes(15));
        await Eventually.HoldsAsync(() => Shield.Log.Lines.Any(static line => line.Contains("has ended", StringComparison.Ordinal)), TimeSpan.FromSeconds(20),
            "it ends", cancellationToken);
        Assert.That((await ParameterAsync(Rate, cancellationToken)).GetProperty("hits_1h").GetInt32(), Is.EqualTo(1));
        Time.Advance(TimeSpan.FromMinutes(50));
        Assert.That((await ParameterAsync(Rate, cancellationToken)).GetProperty("hits_1h").GetInt32(), Is.Zero);
    }

    private async Task HitAsync(CancellationToken cancellationToken)
    {
        Assert.That(await GreetingAsync(cancellationToken), Does.StartWith("421 "));
        await Eventually.HoldsAsync(() => Shield.Log.Lines.Any(static line => line.StartsWith("disconnect from", StringComparison.Ordinal)),
            TimeSpan.FromSeconds(20), "it is counted", cancellationToken);
    }

    private static string Summary(JsonElement change) =>
        $"{change.GetProperty("service").GetString()} {change.GetProperty("before").GetString()} -> {change.GetProperty("after").GetString()} "
            + change.GetProperty("origin").GetString()
            + (change.TryGetProperty("until", out var until) ? $" until {until.GetString()}" : "")
            + (change.GetProperty("applies").GetBoolean() ? "" : ", does not apply");

    private async Task<string[]> FileAsync(CancellationToken cancellationToken) => await File.ReadAllLinesAsync(OverridesFile, cancellationToken);

    private async Task<string> GreetingAsync(CancellationToken cancellationToken)
    {
        await using var client = await RawSmtpClient.ConnectAsync(Shield.EndPointOf("smtp"), IPAddress.Loopback, cancellationToken);
        return await client.ReplyAsync(cancellationToken);
    }
}
