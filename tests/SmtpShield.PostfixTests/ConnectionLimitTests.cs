using System.Net;
using System.Net.Sockets;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>The limits on connections as a user meets them: with raw sockets, with telnet, and in the log.</summary>
public sealed class ConnectionLimitTests
{
    private static readonly IPAddress s_client = IPAddress.Parse("127.83.0.1");
    private PostfixInstance? _postfix;

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        var rateOfFive = new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "5" };
        _postfix = await PostfixInstance.StartAsync(
            [
                PostfixService.WithoutLimits("behind"),
                new PostfixService("rate-quit", rateOfFive),
                new PostfixService("rate-vanish", rateOfFive),
                new PostfixService("rate-open", rateOfFive),
                new PostfixService("rate-telnet", rateOfFive),
                new PostfixService("defaults", new Dictionary<string, string>()),
            ],
            TestContext.CurrentContext.CancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Connect_SixthWithRateFive_RefusedAndLoggedAsByPostfix(
        [Values("quit", "vanish", "open")] string leaving, CancellationToken cancellationToken)
    {
        await ConnectSevenTimesAsync(Postfix.EndPointOf("rate-" + leaving), Postfix.LogOf("rate-" + leaving), leaving, cancellationToken);
        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("behind"), new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "5" }, cancellationToken);
        await ConnectSevenTimesAsync(shield.EndPoint, shield.Log, leaving, cancellationToken);

        Assert.That(Comparable(shield.Log), Is.EqualTo(Comparable(Postfix.LogOf("rate-" + leaving))).AsCollection);
        Assert.That(shield.Log.Texts, Does.Contain("warning: Connection rate limit exceeded: 6 from unknown[127.83.0.1] for service smtp"));
        Assert.That(shield.Log.Texts, Does.Contain("warning: Connection rate limit exceeded: 7 from unknown[127.83.0.1] for service smtp"));
        await shield.StopAsync(cancellationToken);

        // Sessions that end at the same moment do so in any order.
        IEnumerable<string> Comparable(MailLog log) => leaving == "open" ? log.SessionLines.Order(StringComparer.Ordinal) : log.SessionLines;
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task Connect_SixthWithRateFiveByTelnet_RefusedAndLoggedAsByPostfix(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("telnet");
        var expected = await TelnetSixTimesAsync(Postfix.EndPointOf("rate-telnet"), Postfix.LogOf("rate-telnet"), cancellationToken);
        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("behind"), new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "5" }, cancellationToken);
        var actual = await TelnetSixTimesAsync(shield.EndPoint, shield.Log, cancellationToken);

        Assert.That(actual, Is.EqualTo(expected).AsCollection);
        Assert.That(actual[5], Does.Contain("421 4.7.0 mail.example.test Error: too many connections from 127.83.0.1"));
        Assert.That(shield.Log.SessionLines, Is.EqualTo(Postfix.LogOf("rate-telnet").SessionLines).AsCollection);
        await shield.StopAsync(cancellationToken);
    }

    /// <summary>
    /// Unread input at close makes the kernel send RST, which can take the 421 away from the client; Postfix loses it that way, the shield must not.
    /// </summary>
    [Test]
    [CancelAfter(120_000)]
    public async Task Refuse_ClientHasSentMuch_ReplyIsAlwaysReadable(CancellationToken cancellationToken)
    {
        var limits = new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "1", ["smtpd_forbid_unauth_pipelining"] = "no" };
        await using var shield = await ShieldProcess.StartAsync(Postfix.EndPointOf("behind"), limits, cancellationToken);
        await using (var first = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken))
            Assert.That(await first.ReplyAsync(cancellationToken), Does.StartWith("220"));

        var much = string.Concat(Enumerable.Repeat("NOOP 123456789\r\n", 4096));
        var received = new List<string>();
        for (var run = 0; run < 100; run++)
        {
            await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken, read: false);
            await client.SendAsync(much, cancellationToken);
            client.StartReading();
            received.Add(await client.ReadToEndAsync(cancellationToken));
        }
        Assert.That(received, Is.All.EqualTo("421 4.7.0 mail.example.test Error: too many connections from 127.83.0.1\r\n"));
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Connect_FiftyFirstAtTheSameTimeWithDefaults_RefusedAsByPostfix(CancellationToken cancellationToken)
    {
        var expected = await OpenFiftyOneAsync(Postfix.EndPointOf("defaults"), Postfix.LogOf("defaults"), cancellationToken);
        await using var shield = await ShieldProcess.StartAsync(Postfix.EndPointOf("behind"), new Dictionary<string, string>(), cancellationToken);
        var actual = await OpenFiftyOneAsync(shield.EndPoint, shield.Log, cancellationToken);

        Assert.That(actual, Is.EqualTo(expected).AsCollection);
        Assert.That(actual[50], Is.EqualTo("421 4.7.0 mail.example.test Error: too many connections from 127.83.0.1"));
        Assert.That(shield.Log.SessionLines.Order(), Is.EqualTo(Postfix.LogOf("defaults").SessionLines.Order()).AsCollection);
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Connect_FromThisHostWithDefaults_Exempt(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("behind"),
            new Dictionary<string, string> { ["mynetworks"] = ShieldProcess.OwnDefault, ["smtpd_client_connection_rate_limit"] = "1" }, cancellationToken);
        for (var number = 1; number <= 4; number++)
        {
            await using var local = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Loopback, cancellationToken);
            Assert.That(await local.ReplyAsync(cancellationToken), Does.StartWith("220"));
        }
        await shield.StopAsync(cancellationToken);
    }

    /// <summary>The window begins with the first event and is over one second after the unit; attempts within it don't prolong it.</summary>
    [Test]
    [CancelAfter(120_000)]
    public async Task Connect_AfterTheWindow_AcceptedAsByPostfix(CancellationToken cancellationToken)
    {
        await using var postfix = await PostfixInstance.StartAsync(
            [new PostfixService("window", new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "1" })],
            cancellationToken,
            new Dictionary<string, string> { ["anvil_rate_time_unit"] = "3s" });
        var expected = await WindowAsync(postfix.EndPointOf("window"), cancellationToken);
        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("behind"),
            new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "1", ["anvil_rate_time_unit"] = "3s" }, cancellationToken);
        var actual = await WindowAsync(shield.EndPoint, cancellationToken);

        // Postfix counts in whole seconds of the clock: its window of 3 s is over 3 to 4 s after the first event.
        foreach (var (refused, accepted) in ((TimeSpan, TimeSpan)[])[expected, actual])
        {
            Assert.That(refused, Is.LessThan(TimeSpan.FromSeconds(4.1)));
            Assert.That(accepted, Is.GreaterThan(TimeSpan.FromSeconds(2.9)));
        }

        await shield.StopAsync(cancellationToken);
    }

    private static async Task ConnectSevenTimesAsync(IPEndPoint server, MailLog log, string leaving, CancellationToken cancellationToken)
    {
        var open = new List<RawSmtpClient>();
        for (var number = 1; number <= 7; number++)
        {
            var client = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
            open.Add(client);
            var greeting = await client.ReplyAsync(cancellationToken);
            if (number > 5)
            {
                Assert.That(greeting, Is.EqualTo("421 4.7.0 mail.example.test Error: too many connections from 127.83.0.1"));
                Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
                await log.WaitForDisconnectsAsync(leaving == "open" ? number - 5 : number, cancellationToken);
                continue;
            }
            Assert.That(greeting, Is.EqualTo("220 mail.example.test ESMTP Postfix"));
            if (leaving == "quit")
                Assert.That(await client.CommandAsync("QUIT", cancellationToken), Is.EqualTo("221 2.0.0 Bye"));
            if (leaving != "open")
            {
                await client.VanishAsync(reset: leaving == "vanish" && number % 2 == 0);
                await log.WaitForDisconnectsAsync(number, cancellationToken);
            }
        }
        foreach (var client in open)
            await client.DisposeAsync();
        await log.WaitForDisconnectsAsync(7, cancellationToken);
    }

    private static async Task<IReadOnlyList<string>> TelnetSixTimesAsync(IPEndPoint server, MailLog log, CancellationToken cancellationToken)
    {
        var screens = new List<string>();
        for (var number = 1; number <= 6; number++)
        {
            await using var telnet = OutsideProcess.Start("telnet", ["-b", s_client.ToString(), server.Address.ToString(), $"{server.Port}"]);
            await Eventually.HoldsAsync(() => telnet.HasExited || telnet.Output.Contains("220 ", StringComparison.Ordinal), TimeSpan.FromSeconds(10),
                "telnet shows the greeting", cancellationToken);
            if (!telnet.HasExited && number % 2 == 0)
                await telnet.WriteAsync("QUIT\n", cancellationToken);
            else if (!telnet.HasExited && !telnet.Output.Contains("421 ", StringComparison.Ordinal))
                telnet.EndInput();
            await telnet.WaitForExitAsync(TimeSpan.FromSeconds(10), cancellationToken);
            await log.WaitForDisconnectsAsync(number, cancellationToken);
            screens.Add(string.Join('\n', telnet.Output.Split('\n').Where(line => line.Length > 3 && char.IsDigit(line[0]))));
        }
        return screens;
    }

    private static async Task<IReadOnlyList<string>> OpenFiftyOneAsync(IPEndPoint server, MailLog log, CancellationToken cancellationToken)
    {
        var clients = new List<RawSmtpClient>();
        var greetings = new List<string>();
        for (var number = 1; number <= 51; number++)
        {
            var client = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
            clients.Add(client);
            greetings.Add(await client.ReplyAsync(cancellationToken));
        }
        foreach (var client in clients)
            await client.DisposeAsync();
        await log.WaitForDisconnectsAsync(51, cancellationToken);
        return greetings;
    }

    // When a second client was refused last, at the least, and when one was accepted again, at the most: who stands still meanwhile makes neither wrong.
    private static async Task<(TimeSpan Refused, TimeSpan Accepted)> WindowAsync(IPEndPoint server, CancellationToken cancellationToken)
    {
        var before = TimeProvider.System.GetTimestamp();
        await using var first = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
        Assert.That(await first.ReplyAsync(cancellationToken), Does.StartWith("220"));
        var behind = TimeProvider.System.GetTimestamp();
        var refused = TimeSpan.Zero;
        await Eventually.HoldsAsync(
            () =>
            {
                var begun = TimeProvider.System.GetElapsedTime(behind);
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 5000 };
                socket.Bind(new IPEndPoint(s_client, 0));
                socket.Connect(server);
                var greeting = new byte[3];
                socket.Receive(greeting);
                if (greeting is [(byte)'2', ..])
                    return true;
                refused = begun;
                return false;
            },
            TimeSpan.FromSeconds(20),
            "a client is accepted again",
            cancellationToken);
        return (refused, TimeProvider.System.GetElapsedTime(before));
    }
}
