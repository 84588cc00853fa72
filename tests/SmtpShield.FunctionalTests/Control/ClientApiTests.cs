using System.Net;
using System.Text.Json;
using SmtpShield.Clients;
using SmtpShield.FunctionalTests.Session;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>Clients with real sessions: what is said of them behind each rule, and that a release lets them in.</summary>
[Platform("Linux"), CancelAfter(60_000)]
internal sealed class ClientApiTests : RelayFixture
{
    private const string Client = "/v1/clients/127.0.0.1";

    private string _directory = "";
    private Task<MtaConnection>? _accepting;

    protected override bool HasFakeTime => true;

    private string Place => Path.Combine(_directory, "control.sock");

    protected override ShieldOptions Configure(ShieldOptions options)
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-clients-").FullName;
        _accepting = null;
        return options with { Control = new() { Socket = Place } };
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [TestCase("smtpd_client_connection_rate_limit", 421)]
    [TestCase("smtpd_client_message_rate_limit", 450)]
    [TestCase("smtpd_client_recipient_rate_limit", 450)]
    [TestCase("smtpd_client_auth_rate_limit", 450)]
    [TestCase("shield_client_error_rate_limit", 421)]
    [TestCase("shield_client_auth_failure_rate_limit", 421)]
    [Property("Operations", "OPS-11"), Property("Operations", "OPS-13")]
    public async Task Explain_BehindEachRule_NamesWhatTheClientReadAndReleaseLetsItIn(string parameter, int code, CancellationToken cancellationToken)
    {
        Limit(parameter, 2);
        for (var i = 0; i < 2; i++)
            Assert.That(await TryAsync(parameter, cancellationToken), Does.Not.StartWith("4"), "within");
        if (parameter.StartsWith("shield_", StringComparison.Ordinal))
            Assert.That(await TryAsync(parameter, cancellationToken), Does.Not.StartWith("4"), "what the MTA refuses is counted behind its reply");
        Assert.That(await TryAsync(parameter, cancellationToken), Does.StartWith($"{code} "));

        var explained = await ExplainAsync(cancellationToken);
        var noted = explained.GetProperty("events").EnumerateArray().First(static noted => noted.GetProperty("kind").GetString() == "limit");
        Assert.Multiple(() =>
        {
            Assert.That(explained.GetProperty("state").GetString(), Is.EqualTo("limited"));
            Assert.That(explained.GetProperty("rule").GetString(), Is.EqualTo(parameter));
            Assert.That((noted.GetProperty("rule").GetString(), noted.GetProperty("code").GetInt32(), noted.GetProperty("limit").GetInt32()),
                Is.EqualTo((parameter, code, 2)));
            Assert.That(noted.GetProperty("count").GetInt32(), Is.EqualTo(3));
        });

        var (status, body) = await AskAsync(HttpMethod.Post, Client + "/release", cancellationToken, """{"why":"a \"customer\""}""");
        Assert.That(status, Is.EqualTo(200), body);
        Assert.That(await TryAsync(parameter, cancellationToken), Does.Not.StartWith("4"), "released");
        Assert.That(Shield.Log.Lines, Has.Some.Match(@"^control: release 127\.0\.0\.1 by uid \d+ (\(\w+\) )?""a \\""customer\\"""": counts set to 0$"));
    }

    // Right to the second, with sessions that ask. Who asks a second before is counted, which moves the end of a sliding window: so another asks then.
    [Test]
    [Property("Operations", "OPS-9")]
    public async Task Until_OfAClientOverEachRule_IsRefusedOneSecondBeforeAndServedThen(
        [Values("smtpd_client_connection_rate_limit", "smtpd_client_message_rate_limit", "smtpd_client_recipient_rate_limit", "smtpd_client_auth_rate_limit",
            "shield_client_error_rate_limit", "shield_client_auth_failure_rate_limit")] string parameter,
        [Values] RateWindow window, [Values] bool isBefore, CancellationToken cancellationToken)
    {
        Limit(parameter, 2);
        Reconfigure(options => options with { Anvil = options.Anvil with { RateWindow = window } });
        for (var i = 0; i < 3; i++)
        {
            await TryAsync(parameter, cancellationToken);
            Time!.Advance(TimeSpan.FromSeconds(3));
        }

        // Its record is forgotten a time unit after it has left, which may be before a sliding window is over: nobody knows that while it is there.
        await Eventually.HoldsAsync(
            () => Shield.Anvil.Peek(new AnvilKey(ServiceOptions.DefaultName, ClientRange.Of(IPAddress.Loopback, 32, 128))).ConnectionCount == 0,
            TimeSpan.FromSeconds(30), "it has left", cancellationToken);
        var explained = await ExplainAsync(cancellationToken);
        Assert.That(explained.GetProperty("state").GetString(), Is.EqualTo("limited"));
        Assert.That(explained.GetProperty("rules")[0].TryGetProperty("over_since", out var since), Is.EqualTo(!parameter.StartsWith("shield_", StringComparison.Ordinal)));
        if (since.ValueKind != JsonValueKind.Undefined)
            Assert.That(since.GetDateTimeOffset(), Is.EqualTo(Time!.GetUtcNow() - TimeSpan.FromSeconds(3)).Within(TimeSpan.FromSeconds(1)));
        var until = explained.GetProperty("until").GetDateTimeOffset();
        Time!.Advance(until - Time.GetUtcNow() - TimeSpan.FromSeconds(isBefore ? 1 : 0));

        Assert.That((await ExplainAsync(cancellationToken)).GetProperty("state").GetString() == "limited", Is.EqualTo(isBefore));
        var reply = await TryAsync(parameter, cancellationToken);
        Assert.That(reply[0] == '4', Is.EqualTo(isBefore), reply);
    }

    [Test]
    [Property("Operations", "OPS-11")]
    public async Task Explain_OfAClientThatDelivers_HasItsMailAndTheMtasLastRefusal(CancellationToken cancellationToken)
    {
        Limit("smtpd_client_message_rate_limit", 10);
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<nosuch@x>", "550-5.1.1 <nosuch@x>: \u001B[31m unknown\r\n550 5.1.1 really", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "DATA", "354 go", cancellationToken);
        await client.SendAsync("text\r\n.\r\n", cancellationToken);
        Assert.That((await mta.ReadLineAsync(cancellationToken), await mta.ReadLineAsync(cancellationToken)), Is.EqualTo(("text", ".")));
        await mta.SendAsync("250 taken\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 taken"));
        var at = Time!.GetUtcNow();
        client.EndSending();
        mta.Close();

        var explained = await ExplainAsync(cancellationToken);
        Assert.Multiple(() =>
        {
            Assert.That(explained.GetProperty("mta_reply").GetString(), Does.StartWith("550-5.1.1 <nosuch@x>: ?[31m unknown"));
            Assert.That(explained.GetProperty("accepted").GetProperty("messages").GetInt64(), Is.EqualTo(1));
            Assert.That(explained.GetProperty("accepted").GetProperty("last_at").GetDateTimeOffset(), Is.EqualTo(at).Within(TimeSpan.FromSeconds(1)));
        });
    }

    [Test]
    [Property("Operations", "OPS-13")]
    public async Task Release_OfAClientWithTooManyConnectionsOpen_SaysThatOneMustEndAndWithForItNeedNot(CancellationToken cancellationToken)
    {
        Limit("smtpd_client_connection_count_limit", 2);
        var (first, mta) = await ConnectAsync(cancellationToken);
        var (second, other) = await ConnectAsync(cancellationToken);
        Assert.That(await GreetingAsync(cancellationToken), Does.StartWith("421 4.7.0 "));
        await Eventually.HoldsAsync(() => Shield.CountedConnections == 2, TimeSpan.FromSeconds(20), "the refused one has left", cancellationToken);

        var explained = await ExplainAsync(cancellationToken);
        Assert.That((explained.GetProperty("rules")[0].GetProperty("ends").GetString(), explained.TryGetProperty("until", out _)),
            Is.EqualTo(("when one of its 2 connections ends", false)));
        Assert.That(explained.GetProperty("rules")[0].GetProperty("over_since").GetDateTimeOffset(), Is.EqualTo(Time!.GetUtcNow()).Within(TimeSpan.FromSeconds(1)));
        var (_, body) = await AskAsync(HttpMethod.Post, Client + "/release", cancellationToken, "{}");
        var released = JsonDocument.Parse(body).RootElement.GetProperty("services")[0];
        Assert.That((released.GetProperty("state").GetString(), released.GetProperty("ends").GetString(),
            released.GetProperty("before").GetProperty("open").GetInt32()), Is.EqualTo(("limited", "when one of its 2 connections ends", 2)));
        Assert.That(await GreetingAsync(cancellationToken), Does.StartWith("421 4.7.0 "));

        await AskAsync(HttpMethod.Post, Client + "/release", cancellationToken, """{"for_s":60}""");
        var (third, another) = await ConnectAsync(cancellationToken);
        foreach (var client in (RawSmtpClient[])[first, second, third])
            client.EndSending();
        foreach (var connection in (MtaConnection[])[mta, other, another])
            connection.Close();
    }

    [Test]
    public async Task Exemption_OfALimitedClient_BeatsTheLimitUntilItEndsAndOverAReload(CancellationToken cancellationToken)
    {
        const string Rule = "smtpd_client_connection_rate_limit";
        Limit(Rule, 1);
        await TryAsync(Rule, cancellationToken);
        Assert.That(await TryAsync(Rule, cancellationToken), Does.StartWith("421 "));

        var (status, body) = await AskAsync(
            HttpMethod.Post, "/v1/exemptions", cancellationToken, """{"prefix":"127.0.0.0/24","for_s":30,"why":"x\u001b[31m\u202e"}""");
        Assert.That(status, Is.EqualTo(200), body);
        Assert.That(body, Does.Contain("""{"prefix":"127.0.0.0/24","since":"2026-01-01T00:00:00Z","until":"2026-01-01T00:00:30Z","""));
        Limit(Rule, 1);
        Assert.That(await TryAsync(Rule, cancellationToken), Does.StartWith("220"));
        Assert.That(await TryAsync(Rule, cancellationToken), Does.StartWith("220"));
        var explained = await ExplainAsync(cancellationToken);
        Assert.That((explained.GetProperty("state").GetString(), explained.GetProperty("exempt").GetProperty("list").GetString(),
            explained.GetProperty("exempt").GetProperty("why").GetString()), Is.EqualTo(("exempt", "allow", @"x\033[31m\342\200\256")));

        Time!.Advance(TimeSpan.FromSeconds(30));
        Assert.That(await TryAsync(Rule, cancellationToken), Does.StartWith("421 "), "it has ended by itself");
        Assert.That(Shield.Log.Lines, Does.Contain("control: the exemption of 127.0.0.0/24 has ended"));
        var (_, changes) = await AskAsync(HttpMethod.Get, "/v1/changes", cancellationToken);
        var all = JsonDocument.Parse(changes).RootElement.GetProperty("changes").EnumerateArray().Select(Summary);
        Assert.That(all, Is.EqualTo((string[])[
            "1 allow 127.0.0.0/24: not exempt -> exempt until 2026-01-01T00:00:30Z", "2 disallow 127.0.0.0/24: exempt -> not exempt"]));
    }

    [Test]
    public async Task Exemption_ThatIsEndedByHand_SaysWhatStillCovers(CancellationToken cancellationToken)
    {
        await AskAsync(HttpMethod.Post, "/v1/exemptions", cancellationToken, """{"prefix":"127.0.0.0/8","for_s":30}""");
        await AskAsync(HttpMethod.Post, "/v1/exemptions", cancellationToken, """{"prefix":"127.0.0.1","for_s":30}""");

        var (status, body) = await AskAsync(HttpMethod.Delete, "/v1/exemptions?prefix=127.0.0.1", cancellationToken, "{}");
        Assert.That((status, body.Contains("\"total\":1,\"notes\":[\"127.0.0.0/8 still covers it, until 2026-01-01T00:00:30Z\"]", StringComparison.Ordinal)),
            Is.EqualTo((200, true)), body);
        (status, body) = await AskAsync(HttpMethod.Delete, "/v1/exemptions?prefix=127.0.0.1", cancellationToken, "{}");
        Assert.That(status, Is.EqualTo(404));
        Assert.That(body, Does.Contain("""
            "message":"127.0.0.1 is not exempted by allow","remedy":"127.0.0.0/8 is, which covers it"
            """));
    }

    [Test]
    public async Task Explain_OfClientsOfAllKinds_SaysHowEachStands(CancellationToken cancellationToken)
    {
        Limit("smtpd_client_message_rate_limit", 10);
        Reconfigure(static options => options with
        {
            Limits = options.Limits with { ClientEventLimitExceptions = AddressPatternList.Parse("!192.0.2.9 192.0.2.0/24 [2001:db8:9::]/48") },
        });
        Count("198.51.100.1", 8);
        Count("2001:db8::7", 3);

        Assert.Multiple(async () =>
        {
            Assert.That(await StateAsync("198.51.100.1"), Is.EqualTo("near 198.51.100.1"));
            Assert.That(await StateAsync("::ffff:198.51.100.1"), Is.EqualTo("near 198.51.100.1"));
            Assert.That(await StateAsync("2001:db8::1234"), Is.EqualTo("free 2001:db8::/64"), "the network is the client");
            Assert.That(await StateAsync("198.51.100.2"), Is.EqualTo("unknown 198.51.100.2"));
            Assert.That(await StateAsync("192.0.2.7"), Is.EqualTo("exempt 192.0.2.7 by 192.0.2.0/24 in smtpd_client_event_limit_exceptions"));
            Assert.That(await StateAsync("192.0.2.9"), Is.EqualTo("unknown 192.0.2.9"));
            Assert.That(await StateAsync("2001:db8:9::1"), Is.EqualTo("exempt 2001:db8:9::/64 by [2001:db8:9::]/48 in smtpd_client_event_limit_exceptions"));
        });

        async Task<string> StateAsync(string address)
        {
            var at = await ExplainAsync(cancellationToken, "/v1/clients/" + Uri.EscapeDataString(address));
            return $"{at.GetProperty("state").GetString()} {at.GetProperty("client").GetString()}"
                + (at.TryGetProperty("exempt", out var exempt)
                    ? $" by {exempt.GetProperty("element").GetString()} in {exempt.GetProperty("list").GetString()}" : "");
        }
    }

    [TestCase("GET", "/v1/clients?limt=10", null, 400, "unknown query parameter")]
    [TestCase("GET", "/v1/clients?limit=0", null, 400, "limit is out of range")]
    [TestCase("GET", "/v1/clients?limit=1001", null, 400, "limit is out of range")]
    [TestCase("GET", "/v1/clients?sort=size", null, 400, "no such sort: size")]
    [TestCase("GET", "/v1/clients?state=1", null, 400, "no such state: 1")]
    [TestCase("GET", "/v1/clients?service=nix", null, 404, "no such service: nix")]
    [TestCase("GET", "/v1/clients?prefix=192.0.2.7/24", null, 400, "non-null host address bits")]
    [TestCase("GET", "/v1/clients/mail.example.com", null, 400, "bad address: mail.example.com")]
    [TestCase("GET", "/v1/clients/127.0.0.1?sevice=smtp", null, 400, "unknown query parameter")]
    [TestCase("PUT", "/v1/clients/127.0.0.1", "{}", 405, "this path has another method")]
    [TestCase("GET", "/v1/clients/127.0.0.1/release", null, 405, "this path has another method")]
    [TestCase("POST", "/v1/clients/127.0.0.1/release", """{"for":5}""", 400, "the body is not what is expected")]
    [TestCase("POST", "/v1/clients/127.0.0.1/release", """{"for_s":0}""", 400, "for_s is out of range")]
    [TestCase("POST", "/v1/clients/127.0.0.1/release", """{"for_s":2592001}""", 400, "for_s is out of range")]
    [TestCase("POST", "/v1/clients/127.0.0.1/release", """{"for_s":1.5}""", 400, "the body is not what is expected")]
    [TestCase("POST", "/v1/clients/127.0.0.1/release", """{"service":"nix"}""", 404, "no such service: nix")]
    [TestCase("POST", "/v1/clients/nobody/release", "{}", 400, "bad address: nobody")]
    [TestCase("POST", "/v1/exemptions", "", 400, "the body is not what is expected")]
    [TestCase("POST", "/v1/exemptions", """{"prefix":"192.0.2.7"}""", 400, "prefix and for_s are both needed")]
    [TestCase("POST", "/v1/exemptions", """{"for_s":5}""", 400, "prefix and for_s are both needed")]
    [TestCase("POST", "/v1/exemptions", """{"prefix":"cidr:/etc/passwd","for_s":5}""", 400, "bad ")]
    [TestCase("DELETE", "/v1/exemptions", "{}", 400, "prefix is needed")]
    [TestCase("DELETE", "/v1/exemptions?prefix=192.0.2.7", "{}", 404, "192.0.2.7 is not exempted by allow")]
    [TestCase("GET", "/v1/changes?after=x", null, 400, "after is no number")]
    [Property("Operations", "OPS-2"), Property("Operations", "OPS-35")]
    public async Task Ask_WhatThereIsNot_IsRefusedAsAProblemAndKeptIfItWasAChange(
        string method, string resource, string? json, int status, string message, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(new HttpMethod(method), resource, cancellationToken, json);

        Assert.That(answer.Status, Is.EqualTo(status), answer.Body);
        Assert.That(answer.Body, Does.Contain($"\"status\":{status},").And.Contain($"\"message\":\"{message}"));
        var changes = JsonDocument.Parse((await AskAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).Body).RootElement.GetProperty("changes");
        var isChange = method is "POST" or "DELETE";
        Assert.That(changes.EnumerateArray().Select(static change => change.TryGetProperty("refused", out _)), Is.EqualTo(isChange ? new[] { true } : []));
        Assert.That(Shield.Log.Lines.Count(static line => line.StartsWith("control: ", StringComparison.Ordinal)), Is.EqualTo(isChange ? 1 : 0));
        Assert.That((await AskAsync(HttpMethod.Get, "/v1/exemptions", cancellationToken)).Body, Does.StartWith("{\"exemptions\":[],\"total\":0,"));
    }

    [Test]
    [Property("Operations", "OPS-35")]
    public async Task Changes_MoreThanAreKept_AreTheLastOnesAndSaySo(CancellationToken cancellationToken)
    {
        for (var i = 0; i < 1003; i++)
            await AskAsync(HttpMethod.Post, $"/v1/clients/192.0.2.7%0afake{i}/release", cancellationToken, "{}");

        var all = JsonDocument.Parse((await AskAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).Body).RootElement;
        var some = JsonDocument.Parse((await AskAsync(HttpMethod.Get, "/v1/changes?after=1001", cancellationToken)).Body).RootElement;
        Assert.Multiple(() =>
        {
            Assert.That((all.GetProperty("changes").GetArrayLength(), all.GetProperty("truncated").GetBoolean()), Is.EqualTo((1000, true)));
            Assert.That(all.GetProperty("changes")[0].GetProperty("number").GetInt64(), Is.EqualTo(4));
            Assert.That(some.GetProperty("changes").EnumerateArray().Select(static change => change.GetProperty("target").GetString()),
                Is.EqualTo((string[])[@"192.0.2.7\nfake1001", @"192.0.2.7\nfake1002"]));
            Assert.That(some.GetProperty("truncated").GetBoolean(), Is.False);
            Assert.That(Shield.Log.Lines.Where(static line => line.Contains('\n', StringComparison.Ordinal)), Is.Empty);
        });
    }

    private static string Summary(JsonElement change) =>
        $"{change.GetProperty("number").GetInt64()} {change.GetProperty("action").GetString()} "
        + $"{change.GetProperty("target").GetString()}: "
        + $"{change.GetProperty("before").GetString()!.Split(" by ")[0]} -> {change.GetProperty("after").GetString()}";

    private void Count(string address, int messages)
    {
        using var counter = new ClientCounter(Shield.Anvil, new("smtp", ClientRange.Of(IPAddress.Parse(address), 32, 64)));
        for (var i = 0; i < messages; i++)
            counter.Count(AnvilEvent.Message);
    }

    private void Limit(string parameter, int value)
    {
        int Of(string name) => name == parameter ? value : 0;
        Reconfigure(options => options with
        {
            Limits = new()
            {
                ClientConnectionCountLimit = Of("smtpd_client_connection_count_limit"),
                ClientConnectionRateLimit = Of("smtpd_client_connection_rate_limit"),
                ClientMessageRateLimit = Of("smtpd_client_message_rate_limit"),
                ClientRecipientRateLimit = Of("smtpd_client_recipient_rate_limit"),
                ClientAuthRateLimit = Of("smtpd_client_auth_rate_limit"),
                ClientErrorRateLimit = Of("shield_client_error_rate_limit"),
                ClientAuthFailureRateLimit = Of("shield_client_auth_failure_rate_limit"),
            },
        });
    }

    // What a rule counts, once, in a session of its own: the reply the client gets to it.
    private async Task<string> TryAsync(string parameter, CancellationToken cancellationToken)
    {
        var client = Keep(await Shield.ConnectAsync(cancellationToken));
        var accepting = _accepting ??= Mta.AcceptAsync(cancellationToken);
        var greeting = client.ReplyAsync(cancellationToken);
        if (await Task.WhenAny(accepting, greeting) == greeting)
        {
            client.EndSending();
            return await greeting;
        }

        var mta = await accepting;
        _accepting = null;
        await mta.SendAsync("220 mx ESMTP\r\n", cancellationToken);
        var reply = await greeting;
        if (parameter == "smtpd_client_recipient_rate_limit")
            await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        var (command, answer) = parameter switch
        {
            "smtpd_client_message_rate_limit" => ("MAIL FROM:<a@x>", "250 ok"),
            "smtpd_client_recipient_rate_limit" => ("RCPT TO:<b@x>", "250 ok"),
            "smtpd_client_auth_rate_limit" => ("AUTH PLAIN AGEAYg==", "235 ok"),
            "shield_client_error_rate_limit" => ("MAIL FROM:<a@x>", "550 no"),
            "shield_client_auth_failure_rate_limit" => ("AUTH PLAIN AGEAYg==", "535 no"),
            _ => ("", ""),
        };
        if (command.Length > 0)
        {
            await client.SendAsync(command + "\r\n", cancellationToken);
            var line = mta.ReadLineAsync(cancellationToken);
            var refusal = client.ReplyAsync(cancellationToken);
            if (await Task.WhenAny((Task)line, refusal) == line)
                await mta.SendAsync(answer + "\r\n", cancellationToken);
            reply = await refusal;
        }

        client.EndSending();
        mta.Close();
        return reply;
    }

    private async Task<string> GreetingAsync(CancellationToken cancellationToken)
    {
        await using var client = await Shield.ConnectAsync(cancellationToken);
        return await client.ReplyAsync(cancellationToken);
    }

    private async Task<JsonElement> ExplainAsync(CancellationToken cancellationToken, string resource = Client)
    {
        var (status, body) = await AskAsync(HttpMethod.Get, resource, cancellationToken);
        Assert.That(status, Is.EqualTo(200), body);
        return JsonDocument.Parse(body).RootElement.GetProperty("services")[0];
    }

    private Task<(int Status, string Body)> AskAsync(HttpMethod method, string resource, CancellationToken cancellationToken, string? json = null) =>
        ControlHttp.AskAsync(Place, method, resource, cancellationToken, json);
}
