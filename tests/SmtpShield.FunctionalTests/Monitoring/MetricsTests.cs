using System.Net;
using System.Net.Sockets;
using System.Text;
using SmtpShield.FunctionalTests.Listening;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Monitoring;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Monitoring;

/// <summary>What <c>shield_metrics_listen</c> serves, and what it does not.</summary>
[CancelAfter(60_000)]
internal sealed class MetricsTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly IPEndPoint _endpoint = new(IPAddress.Loopback, LoopbackPorts.Take());

    [TestCase(false)]
    [TestCase(true)]
    [Property("Operations", "OPS-36")]
    public async Task Metrics_OfADialogue_AreWhatHappened(bool isOpenMetrics, CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(ShieldUnderTest.Before(mta), cancellationToken);
        await using (var client = await shield.ConnectAsync(cancellationToken))
        {
            var connection = await mta.AcceptAsync(cancellationToken);
            await connection.SendAsync("220 mx\r\n", cancellationToken);
            await client.ReplyAsync(cancellationToken);
            await ExchangeAsync(client, connection, "EHLO \"}<script>.example", "250 mx", cancellationToken);
            await ExchangeAsync(client, connection, "MAIL FROM:<a@client.example>", "250 ok", cancellationToken);
            await ExchangeAsync(client, connection, "RCPT TO:<b@example.com>", "250 ok", cancellationToken);
            await ExchangeAsync(client, connection, "RCPT TO:<c@example.com>", "550 no", cancellationToken);
            await ExchangeAsync(client, connection, "RCPT TO:<d@example.com>", "451 later", cancellationToken);
            await ExchangeAsync(client, connection, "DATA", "354 go on", cancellationToken);
            await client.SendAsync("x\r\n.\r\n", cancellationToken);
            await connection.ReadLineAsync(cancellationToken);
            await connection.ReadLineAsync(cancellationToken);
            await connection.SendAsync("250 kept\r\n", cancellationToken);
            await client.ReplyAsync(cancellationToken);
            await ExchangeAsync(client, connection, "MAIL FROM:<a@client.example>", "250 ok", cancellationToken);
            await ExchangeAsync(client, connection, "RCPT TO:<b@example.com>", "250 ok", cancellationToken);
            await ExchangeAsync(client, connection, "DATA", "354 go on", cancellationToken);
            await client.SendAsync("lost", cancellationToken);
        }

        await Eventually.HoldsAsync(() => shield.Sessions.Count == 0 && shield.Drain.Connections == 0, s_limit, "the session is over", cancellationToken);
        var (_, type, body) = await AskAsync("/metrics", cancellationToken,
            accept: isOpenMetrics ? "application/openmetrics-text;version=1.0.0,text/plain;q=0.5" : null);
        var text = PrometheusText.Parse(body, isOpenMetrics);
        Assert.Multiple(() =>
        {
            Assert.That(type, Is.EqualTo(isOpenMetrics
                ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                : "text/plain; version=0.0.4; charset=utf-8"));
            Assert.That(Nonzero("smtpshield_connections_total"), Is.EqualTo((string[])["outcome=\"served\"} 1"]));
            Assert.That(Nonzero("smtpshield_sessions_ended_total"), Is.EqualTo((string[])["reason=\"client_lost\"} 1"]));
            Assert.That(Nonzero("smtpshield_sessions"), Is.Empty);
            Assert.That(Nonzero("smtpshield_commands_total"), Is.EqualTo((string[])["verb=\"EHLO\",class=\"2xx\"} 1", "verb=\"MAIL\",class=\"2xx\"} 2",
                "verb=\"RCPT\",class=\"2xx\"} 2", "verb=\"RCPT\",class=\"4xx\"} 1", "verb=\"RCPT\",class=\"5xx\"} 1", "verb=\"DATA\",class=\"2xx\"} 1"]));
            Assert.That(Nonzero("smtpshield_messages_total"), Is.EqualTo((string[])["outcome=\"accepted\"} 1", "outcome=\"aborted\"} 1"]));
            Assert.That(Nonzero("smtpshield_recipients_total"), Is.EqualTo((string[])["outcome=\"accepted\"} 2", "outcome=\"refused\"} 1",
                "outcome=\"deferred\"} 1"]));
            Assert.That(text.Sum("smtpshield_message_size_bytes_sum"), Is.EqualTo("x\r\n.\r\n".Length));
            Assert.That(text.Sum("smtpshield_upstream_dials_total", "outcome=\"greeted\""), Is.EqualTo(1));
            foreach (var (phase, count) in ((string, int)[])[("greeting", 1), ("command", 6), ("data", 2), ("end_of_data", 1)])
                Assert.That(text.Sum("smtpshield_upstream_reply_duration_seconds_count", $"phase=\"{phase}\""), Is.EqualTo(count), phase);
            Assert.That(text.Sum("smtpshield_upstream_up", $"destination=\"{mta.EndPoint}\""), Is.EqualTo(1));
            Assert.That(text.Sum("smtpshield_process_limit"), Is.EqualTo(shield.Snapshot.Current.Listener.DefaultProcessLimit));
            Assert.That(text.Series.Keys, Has.None.Contains("script").And.None.Contains("client.example"));
            Assert.That(text.Series, Has.Count.LessThan(600));
        });

        string[] Nonzero(string name) =>
            [.. text.Series.Where(pair => pair.Key.StartsWith(name + "{", StringComparison.Ordinal) && pair.Value != 0)
                .Select(static pair => FormattableString.Invariant($"{pair.Key[(pair.Key.IndexOf(',', StringComparison.Ordinal) + 1)..]} {pair.Value}"))];
    }

    [Test]
    public async Task Metrics_OfARefusedConnection_NameTheRule(CancellationToken cancellationToken)
    {
        await using var mta = AnsweringMta.Start();
        await using var shield = await StartAsync(
            ShieldUnderTest.Before(mta) with { Limits = new() { ClientConnectionCountLimit = 0, ClientConnectionRateLimit = 1 } }, cancellationToken);
        for (var i = 0; i < 3; i++)
        {
            await using var client = await shield.ConnectAsync(cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith(i == 0 ? "220" : "421 4.7.0"));
        }

        await Eventually.HoldsAsync(() => shield.Drain.Connections == 0, s_limit, "all have gone", cancellationToken);
        var text = PrometheusText.Parse((await AskAsync("/metrics", cancellationToken)).Body);
        Assert.That(text.Series["smtpshield_limit_hits_total{service=\"smtp\",rule=\"smtpd_client_connection_rate_limit\",mode=\"enforced\"}"], Is.EqualTo(2));
        Assert.That(text.Series["smtpshield_connections_total{service=\"smtp\",outcome=\"refused\"}"], Is.EqualTo(2));
        Assert.That(text.Sum("smtpshield_limit_hits_total"), Is.EqualTo(2));
        Assert.That(text.Series["smtpshield_clients_limited{service=\"smtp\",rule=\"smtpd_client_connection_rate_limit\"}"], Is.EqualTo(1));
        Assert.That((text.Sum("smtpshield_clients_limited"), text.Sum("smtpshield_history_clients")), Is.EqualTo((1.0, 1.0)));
        Assert.That(text.Sum("smtpshield_stress"), Is.Zero);
    }

    [Test]
    public async Task Metrics_OfAStressThatIsWritten_HaveItAsForced(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(ShieldUnderTest.Before(mta) with { IsStressForced = true }, cancellationToken);

        var text = PrometheusText.Parse((await AskAsync("/metrics", cancellationToken)).Body);
        Assert.That((text.Series["smtpshield_stress{service=\"smtp\",cause=\"forced\"}"], text.Sum("smtpshield_stress")), Is.EqualTo((1.0, 1.0)));
    }

    [TestCase("GET", "/", 404)]
    [TestCase("GET", "/v1/status", 404)]
    [TestCase("POST", "/v1/upstreams/x/drain", 404)]
    [TestCase("GET", "/metrics/", 404)]
    [TestCase("POST", "/metrics", 405)]
    [TestCase("HEAD", "/healthz", 405)]
    [TestCase("GET", "/metrics?match=x", 400)]
    [TestCase("GET", "/readyz?upstream=yes", 400)]
    [TestCase("GET", "/healthz", 200)]
    [TestCase("GET", "/readyz", 200)]
    [TestCase("GET", "/readyz?upstream=1", 200)]
    public async Task Listener_OfWhatIsAsked_ServesThreePaths(string method, string resource, int expected, CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(ShieldUnderTest.Before(mta), cancellationToken);

        var (status, _, body) = await AskAsync(resource, cancellationToken, method);

        Assert.That(status, Is.EqualTo(expected), body);
        if (expected == 200)
            Assert.That(body, Is.EqualTo("ok\n"));
    }

    [Test]
    public async Task Listener_ConnectionsAboveTheBound_AreToldAndMailGoesOn(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(ShieldUnderTest.Before(mta), cancellationToken);
        var held = new List<Socket>();
        for (var i = 0; i < 24; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(_endpoint, cancellationToken);
            held.Add(socket);
        }

        // They hold their places once they were accepted.
        while ((await AskAsync("/healthz", cancellationToken)).Status != 503)
            await Task.Yield();
        await using var client = await shield.ConnectAsync(cancellationToken);
        await (await mta.AcceptAsync(cancellationToken)).SendAsync("220 mx\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
        foreach (var socket in held)
            socket.Dispose();
    }

    [Test]
    public async Task Listener_AddressIsTaken_IsAWarningAndMailIsServed(CancellationToken cancellationToken)
    {
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(_endpoint);
        other.Listen();
        await using var mta = new ScriptedMta();

        await using var shield = await StartAsync(ShieldUnderTest.Before(mta), cancellationToken);

        Assert.That(shield.Log.Lines, Has.Some.StartsWith($"shield_metrics_listen: {_endpoint}: "));
        await using var client = await shield.ConnectAsync(cancellationToken);
        await (await mta.AcceptAsync(cancellationToken)).SendAsync("220 mx\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
    }

    [Test, Property("Operations", "OPS-39")]
    public async Task Readyz_ShieldDrains_SaysSoUntilItsEnd(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(ShieldUnderTest.Before(mta), cancellationToken);
        await using var client = await shield.ConnectAsync(cancellationToken);
        var connection = await mta.AcceptAsync(cancellationToken);
        await connection.SendAsync("220 mx\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await ExchangeAsync(client, connection, "MAIL FROM:<a@client.example>", "250 ok", cancellationToken);

        var stopping = shield.StopAsync(cancellationToken);
        await Eventually.HoldsAsync(() => shield.Drain.Draining.IsCancellationRequested, s_limit, "it drains", cancellationToken);

        Assert.That(await AskAsync("/readyz", cancellationToken), Is.EqualTo((503, "text/plain; charset=utf-8", "the shield stops\n")));
        Assert.That((await AskAsync("/healthz", cancellationToken)).Status, Is.EqualTo(200));
        Assert.That((await AskAsync("/metrics", cancellationToken)).Status, Is.EqualTo(200));
        client.EndSending();
        connection.Close();
        await stopping;
    }

    private static async Task ExchangeAsync(RawSmtpClient client, MtaConnection connection, string command, string reply, CancellationToken cancellationToken)
    {
        await client.SendAsync($"{command}\r\n", cancellationToken);
        await connection.ReadLineAsync(cancellationToken);
        await connection.SendAsync($"{reply}\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);
    }

    private Task<ShieldUnderTest> StartAsync(ShieldOptions options, CancellationToken cancellationToken) =>
        ShieldUnderTest.StartAsync(options with { Control = new() { MetricsEndpoints = [_endpoint] } }, cancellationToken);

    private async Task<(int Status, string Type, string Body)> AskAsync(
        string resource, CancellationToken cancellationToken, string method = "GET", string? accept = null)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), $"http://{_endpoint}{resource}");
        request.Headers.ConnectionClose = true;
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await http.SendAsync(request, cancellationToken);
        return ((int)response.StatusCode, response.Content.Headers.TryGetValues("Content-Type", out var type) ? type.Single() : "",
            Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync(cancellationToken)));
    }
}
