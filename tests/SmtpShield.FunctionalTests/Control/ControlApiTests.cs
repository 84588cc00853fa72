using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using SmtpShield.Metrics;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>The API itself: what its answers say, and what it refuses.</summary>
[Platform("Linux"), CancelAfter(60_000)]
internal sealed class ControlApiTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(20);

    private string _directory = "";

    private string Place => Path.Combine(_directory, "control.sock");

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("smtpshield-api-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Status_OfSessionsStressAndDrain_IsWhatIsGoingOn(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(With(ShieldUnderTest.Before(mta), limit: 1), cancellationToken);
        var service = (await StatusAsync(cancellationToken)).GetProperty("services")[0];
        Assert.That(service.GetRawText(), Does.StartWith(
            $$"""{"name":"smtp","endpoints":["{{shield.EndPoint}}"],"sessions":0,"process_limit":1,"stress":false"""));

        await using var client = await shield.ConnectAsync(cancellationToken);
        var connection = await mta.AcceptAsync(cancellationToken);
        await connection.SendAsync("220 mx\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);
        var status = await StatusAsync(cancellationToken);
        Assert.Multiple(() =>
        {
            Assert.That(status.GetProperty("services")[0].GetProperty("sessions").GetInt32(), Is.EqualTo(1));
            Assert.That(status.GetProperty("connections").GetInt32(), Is.EqualTo(1));
            Assert.That(status.GetProperty("upstreams")[0].GetProperty("sessions").GetInt32(), Is.EqualTo(1));
            Assert.That(status.GetProperty("services")[0].GetProperty("stress").GetBoolean(), Is.True);
            Assert.That(status.GetProperty("attention").EnumerateArray().Select(static sentence => sentence.GetString()),
                Is.EqualTo((string[])["service smtp: all 1 sessions are in use, further clients wait (default_process_limit)"]), "once");
            Assert.That(status.GetProperty("clients").GetProperty("size").GetInt32(), Is.EqualTo(1_000_000));
            Assert.That(status.GetProperty("history").GetRawText(), Is.EqualTo("""{"clients":0,"size":65536,"dropped":0}"""));
        });

        // The session is inside a transaction, so the drain lasts, and can be looked at.
        await client.SendAsync("MAIL FROM:<a@client.example>\r\n", cancellationToken);
        await connection.ReadLineAsync(cancellationToken);
        await connection.SendAsync("250 ok\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);
        var stopping = shield.StopAsync(cancellationToken);
        await Eventually.HoldsAsync(() => shield.Drain.Draining.IsCancellationRequested, s_limit, "it drains", cancellationToken);
        status = await StatusAsync(cancellationToken);
        Assert.That((status.GetProperty("draining").GetBoolean(), status.GetProperty("attention")[0].GetString()),
            Is.EqualTo((true, "the shield stops: no new clients")));
        client.EndSending();
        connection.Close();
        await stopping;
        Assert.That(shield.Log.Errors, Is.Empty);
    }

    [Test]
    public async Task Status_OfAWhile_HasItsRatesAndOfOneServiceOnlyIts(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await using var mta = new ScriptedMta();
        var (smtp, submission) = (ShieldUnderTest.Before(mta), ShieldUnderTest.Before(mta));
        await using var shield = await ShieldUnderTest.StartAsync(
            With(smtp) with
            {
                Service = new() { Names = ["smtp", "submission"] },
                Services = new Dictionary<string, ShieldOptions> { ["smtp"] = smtp, ["submission"] = submission },
            },
            cancellationToken, time);
        for (var i = 0; i < 5; i++)
            shield.Metrics.OfService("smtp").NoteConnection(i < 3 ? ConnectionOutcome.Served : ConnectionOutcome.Refused);
        shield.Metrics.OfService("smtp").NoteMessage(250, 100);
        time.Advance(TimeSpan.FromSeconds(5));

        var services = (await StatusAsync(cancellationToken)).GetProperty("services");
        Assert.That((Of(0, "connections_s"), Of(0, "refused_s"), Of(0, "messages_s"), Of(1, "connections_s")), Is.EqualTo((1.0, 0.4, 0.2, 0.0)));
        time.Advance(TimeSpan.FromSeconds(40));
        services = (await StatusAsync(cancellationToken)).GetProperty("services");
        Assert.That((Of(0, "connections_s"), Of(0, "refused_s"), Of(0, "messages_s")), Is.EqualTo((0.0, 0.0, 0.0)), "it is over");

        var (_, body) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/status?service=submission", cancellationToken);
        var some = JsonDocument.Parse(body).RootElement;
        Assert.That((some.GetProperty("services").GetArrayLength(), some.GetProperty("services")[0].GetProperty("name").GetString(),
            some.GetProperty("upstreams").GetArrayLength()), Is.EqualTo((1, "submission", 1)));
        Assert.That((await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/status?service=nix", cancellationToken)).Status, Is.EqualTo(404));

        double Of(int service, string name) => services[service].GetProperty(name).GetDouble();
    }

    [Test]
    [Property("Pool", "POOL-9")]
    public async Task Upstreams_ThatServicesShare_AreALineEach(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var other = new ScriptedMta();
        var (smtp, submission) = (ShieldUnderTest.Before(other, mta), ShieldUnderTest.Before(mta));
        await using var shield = await StartAsync(
            With(smtp) with
            {
                Service = new() { Names = ["smtp", "submission"] },
                Services = new Dictionary<string, ShieldOptions> { ["smtp"] = smtp, ["submission"] = submission },
            },
            cancellationToken);

        Assert.That(await ListAsync("", cancellationToken), Is.EqualTo((string[])[$"smtp {other.EndPoint} up", $"smtp {mta.EndPoint} up",
            $"submission {mta.EndPoint} up"]));
        Assert.That(await ListAsync($"?name={mta.EndPoint}", cancellationToken), Is.EqualTo((string[])[$"smtp {mta.EndPoint} up",
            $"submission {mta.EndPoint} up"]));
        Assert.That(await ListAsync("?service=submission", cancellationToken), Is.EqualTo((string[])[$"submission {mta.EndPoint} up"]));
    }

    [Test]
    [Property("Pool", "POOL-9")]
    public async Task Drain_OfOneThatServicesShareAndOfTheLast_IsSaidForEachUntilReady(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var other = new ScriptedMta();
        var (smtp, submission) = (ShieldUnderTest.Before(other, mta), ShieldUnderTest.Before(mta));
        await using var shield = await StartAsync(
            With(smtp) with
            {
                Service = new() { Names = ["smtp", "submission"] },
                Services = new Dictionary<string, ShieldOptions> { ["smtp"] = smtp, ["submission"] = submission },
            },
            cancellationToken);

        var (status, body) = await ControlHttp.AskAsync(
            Place, HttpMethod.Post, $"/v1/upstreams/{mta.EndPoint}/drain", cancellationToken, """{"why": "new \"disks\""}""");
        Assert.That(status, Is.EqualTo(200), body);
        Assert.That(body, Does.EndWith("\"attention\":[\"service submission: no MTA is up, clients get 421\"]}\n"));
        Assert.That(await ListAsync("", cancellationToken), Is.EqualTo((string[])[$"smtp {other.EndPoint} up", $"smtp {mta.EndPoint} drain",
            $"submission {mta.EndPoint} drain"]));
        Assert.That(shield.Log.Lines, Has.Some.Match($@"^upstream {mta.EndPoint}: drain by uid \d+ (\(\w+\) )?""new \\""disks\\"""", \d+ sessions$"));

        await ControlHttp.AskAsync(Place, HttpMethod.Post, $"/v1/upstreams/{other.EndPoint}/drain", cancellationToken, "{}");
        await using var client = await shield.ConnectAsync(cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("421 4.3.0 "));

        (status, body) = await ControlHttp.AskAsync(Place, HttpMethod.Post, $"/v1/upstreams/{mta.EndPoint}/ready", cancellationToken, "{}");
        Assert.That((status, body.Contains("\"attention\":[]", StringComparison.Ordinal)), Is.EqualTo((200, true)), body);
        Assert.That(await ListAsync("", cancellationToken), Is.EqualTo((string[])[$"smtp {other.EndPoint} drain", $"smtp {mta.EndPoint} up",
            $"submission {mta.EndPoint} up"]));
        (status, _) = await ControlHttp.AskAsync(Place, HttpMethod.Post, $"/v1/upstreams/{mta.EndPoint}/probe", cancellationToken, "{}");
        Assert.That(status, Is.EqualTo(200));
        Assert.That(shield.Log.Lines, Has.Some.StartsWith($"upstream {mta.EndPoint}: probe by uid "));
    }

    [TestCase("GET", "/v1/upstreams?limt=10", 400, "unknown query parameter")]
    [TestCase("GET", "/v1/status?x", 400, "unknown query parameter")]
    [TestCase("GET", "/v1/upstreams?name=a&name=b", 400, "name is given more than once")]
    [TestCase("GET", "/v1/upstreams?service=nix", 404, "no such service: nix")]
    [TestCase("GET", "/v1/upstreams?name=%1b%5b31m%e2%80%aex", 404, "no such upstream: \\\\033[31m\\\\342\\\\200\\\\256x")]
    [TestCase("GET", "/", 404, "there is no such path")]
    [TestCase("DELETE", "/v1/status", 405, "this path has another method")]
    [TestCase("GET", "/v1/upstreams/mta1:25/drain", 405, "this path has another method")]
    public async Task Ask_WhatThereIsNot_IsRefusedAsAProblem(string method, string resource, int status, string message, CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(With(ShieldUnderTest.Before(mta)), cancellationToken);

        var answer = await ControlHttp.AskAsync(Place, new HttpMethod(method), resource, cancellationToken);

        Assert.That(answer.Status, Is.EqualTo(status));
        Assert.That(answer.Body, Does.Contain($"\"status\":{status},").And.Contain($"\"message\":\"{message}"));
        Assert.That(shield.Log.Errors, Is.Empty);
    }

    [TestCase("""{"why": "work on it"}""", "text/plain", 415)]
    [TestCase("""{"wy": "work on it"}""", "application/json", 400)]
    [TestCase("""{"why": 5}""", "application/json", 400)]
    [TestCase("""["why"]""", "application/json", 400)]
    [TestCase("null", "application/json", 400)]
    [TestCase("201", "application/json", 400)]
    [TestCase("70000", "application/json", 413)]
    public async Task Change_BodyThatIsNone_IsRefusedAndNothingOfItIsSaidBack(string body, string mediaType, int status, CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(With(ShieldUnderTest.Before(mta)), cancellationToken);
        if (int.TryParse(body, out var length))
            body = $$"""{"why": "{{new string('x', length)}}"}""";

        var answer = await ControlHttp.AskAsync(Place, HttpMethod.Post, $"/v1/upstreams/{mta.EndPoint}/drain", cancellationToken, body, mediaType);

        Assert.That(answer.Status, Is.EqualTo(status));
        Assert.That(answer.Body, Does.Not.Contain("xxx").And.Not.Contain("work on it"));
        Assert.That(shield.Log.Lines, Has.Some.StartsWith($"upstream {mta.EndPoint}: drain by uid "));
    }

    [Test]
    public async Task Request_ThatComesFastEnoughWithoutEnd_EndsWithoutAnAnswerAfterTenSeconds(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(With(ShieldUnderTest.Before(mta)), cancellationToken, time);
        using var socket = await ControlHttp.ConnectAsync(Place, cancellationToken);
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /v1/upstreams/{mta.EndPoint}/drain HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{{"),
            cancellationToken);
        var ended = AnsweredAsync(socket, cancellationToken);

        // The request's timer is there once it has begun.
        var sent = 0;
        await Eventually.HoldsAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(10));
                if (!ended.IsCompleted && sent < 59_000)
                    sent += socket.Send(new byte[80], SocketFlags.None, out _);
                return ended.IsCompleted;
            },
            s_limit, "the connection ends", cancellationToken);
        Assert.That(await ended, Is.Zero, "octets of an answer");
        Assert.That(shield.Log.Errors, Is.Empty);
    }

    [Test]
    public async Task Status_BehindReloads_SaysWhatCameOfThem(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(
            new IPEndPoint(IPAddress.Loopback, 9), new Dictionary<string, string> { ["shield_client_handoff"] = "proxy-v2" }, cancellationToken);
        await shield.SaveAsync(new Dictionary<string, string> { ["smtpd_soft_error_limit"] = "5" }, cancellationToken);
        var configuration = await ConfigurationAsync(shield, static found => found.GetProperty("generation").GetInt32() == 2, cancellationToken);
        Assert.That(configuration.GetProperty("refused").GetBoolean(), Is.False);

        await shield.SaveAsync(new Dictionary<string, string> { ["smtpd_soft_error_limit"] = "0" }, cancellationToken);
        configuration = await ConfigurationAsync(shield, static configuration => configuration.GetProperty("refused").GetBoolean(), cancellationToken);
        var problem = configuration.GetProperty("problems")[0];
        Assert.Multiple(() =>
        {
            Assert.That(configuration.GetProperty("generation").GetInt32(), Is.EqualTo(2));
            Assert.That(problem.GetProperty("parameter").GetString(), Is.EqualTo("smtpd_soft_error_limit"));
            Assert.That(problem.GetProperty("message").GetString(), Is.EqualTo("invalid smtpd_soft_error_limit parameter value 0 < 1"));
            Assert.That(problem.GetProperty("remedy").GetString(), Is.EqualTo("write a whole number of at least 1"));
            Assert.That(problem.GetProperty("source").GetString(), Is.EqualTo(shield.MainCf));
            Assert.That(problem.GetProperty("line").GetInt32(), Is.GreaterThan(0));
        });

        await shield.SaveAsync(
            new Dictionary<string, string> { ["smtpd_soft_error_limit"] = "5", ["shield_control_socket"] = "/nowhere/x", ["shield_transport"] = "sockets" },
            cancellationToken);
        await ConfigurationAsync(shield, static configuration => configuration.GetProperty("needs_restart").GetBoolean(), cancellationToken);
        foreach (var name in (string[])["shield_control_socket", "shield_transport"])
        {
            var line = $"{name} has changed: to take effect, the shield must be restarted";
            await Eventually.HoldsAsync(() => shield.AllLines.Contains(line, StringComparison.Ordinal), s_limit, line, cancellationToken);
        }
        await shield.StopAsync(cancellationToken);
    }

    private ShieldOptions With(ShieldOptions options, int limit = 100) => options with
    {
        Control = new() { Socket = Place },
        Listener = options.Listener with { DefaultProcessLimit = limit },
    };

    private static Task<ShieldUnderTest> StartAsync(ShieldOptions options, CancellationToken cancellationToken, TimeProvider? time = null) =>
        ShieldUnderTest.StartAsync(options, cancellationToken, time);

    private async Task<JsonElement> StatusAsync(CancellationToken cancellationToken)
    {
        var (status, body) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/status", cancellationToken);
        Assert.That(status, Is.EqualTo(200), body);
        return JsonDocument.Parse(body).RootElement;
    }

    private async Task<string[]> ListAsync(string query, CancellationToken cancellationToken)
    {
        var (_, body) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/upstreams" + query, cancellationToken);
        return [.. JsonDocument.Parse(body).RootElement.GetProperty("upstreams").EnumerateArray().Select(static upstream =>
            $"{upstream.GetProperty("service")} {upstream.GetProperty("name")} {upstream.GetProperty("state")}")];
    }

    // One that was closed with octets unread is reset.
    private static async Task<int> AnsweredAsync(Socket socket, CancellationToken cancellationToken)
    {
        try
        {
            return await socket.ReceiveAsync(new byte[1024], cancellationToken);
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    private static async Task<JsonElement> ConfigurationAsync(ShieldProcess shield, Func<JsonElement, bool> condition, CancellationToken cancellationToken)
    {
        while (true)
        {
            // Asked without a rest, those that are answered are not yet gone when the next ones come: the shield says that it has too many then.
            var (status, body) = await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, "/v1/status", cancellationToken);
            if (status == (int)HttpStatusCode.OK && JsonDocument.Parse(body).RootElement.GetProperty("configuration") is var configuration
                && condition(configuration))
            {
                return configuration;
            }

            await Task.Delay(s_rest, TimeProvider.System, cancellationToken);
        }
    }
}
