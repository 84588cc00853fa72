using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// smtp-sink(1) fails at each command in each way it can, and the client sees what it sees of smtp-sink itself, except where this
/// table of differences says otherwise:
/// <list type="bullet">
/// <item>where smtp-sink hangs up without a word, 421 4.3.0 (behind QUIT 221), then the close;</item>
/// <item>of its EHLO reply, only keywords that the shield passes, and no line without a keyword;</item>
/// <item>behind a greeting that refuses the session (5xx), 503 to all but QUIT (RFC 5321 section 3.1), where smtp-sink goes on.</item>
/// </list>
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed partial class SmtpSinkTests
{
    private const string Unavailable = "421 4.3.0 mail.example.test Error: mail server unavailable";
    private static readonly IPAddress s_client = IPAddress.Parse("127.83.0.1");
    private static readonly string[] s_points = ["CONNECT", "EHLO", "HELO", "NOOP", "VRFY", "MAIL", "RCPT", "DATA", ".", "RSET", "QUIT"];
    private static readonly string[] s_script =
    [
        "EHLO client.example", "HELO client.example", "NOOP", "VRFY user", "MAIL FROM:<a@client.example>", "RCPT TO:<b@example.test>", "DATA",
        "Subject: x\r\n\r\n..x\r\n.", "RSET", "QUIT",
    ];
    private IPEndPoint _sinkEndPoint = new(IPAddress.Loopback, 0);
    private ShieldProcess? _shield;
    private int _sessionsBefore;

    private ShieldProcess Shield => _shield ?? throw new InvalidOperationException("The shield was not started");

    private static IEnumerable<TestCaseData> Faults =>
        from fault in new[] { ("-f", "5xx"), ("-r", "4xx"), ("-Q", "421 and close"), ("-q", "close") }
        from point in s_points
        select new TestCaseData($"{fault.Item1} {point}").SetArgDisplayNames($"{fault.Item2} at {point}");

    private static IEnumerable<TestCaseData> Kinds => new[]
    {
        ("-p", "no pipelining"), ("-8", "no 8BITMIME"), ("-a", "no AUTH"), ("-E", "no enhanced codes"), ("-N", "no DSN"),
        ("-C", "no XCLIENT"), ("-F", "no XFORWARD"),
        ("-P", "greets like a PIX"), ("-e", "no ESMTP"), ("-w 1", "waits at DATA"), ("-W CONNECT:1", "waits with its greeting"), ("-W RCPT:1", "waits at RCPT"),
        ("-W .:1", "waits at the end"),
        ("-f EHLO,RCPT,.", "three refusals"), ("-B 521 -f MAIL", "521"), ("-r RCPT -b 421_4.2.1_Go", "421 and goes on"),
        ("-M 1", "ends with the first message"), ("-n 1", "ends with the first session"),
    }.Select(kind => new TestCaseData(kind.Item1).SetArgDisplayNames(kind.Item2));

    [OneTimeSetUp]
    public async Task StartShield()
    {
        RealPostfix.Require();
        RealPostfix.RequireProgram("smtp-sink");
        _sinkEndPoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        _shield = await ShieldProcess.StartAsync(
            _sinkEndPoint,
            new Dictionary<string, string>
            {
                ["smtpd_client_connection_rate_limit"] = "0", ["smtpd_error_sleep_time"] = "0",
                // One address, and a sink of another kind with each test: nothing is to be learned of one for the next.
                ["shield_upstream_connect"] = "connect",
                // What a sink sees are the clients' sessions, and no probes.
                ["shield_upstream_probe_interval"] = "0",
                // Nor is a sink that says 421 again and again to put the service under stress.
                ["smtpd_hard_error_limit"] = "20", ["smtpd_junk_command_limit"] = "100", ["smtpd_timeout"] = "300s",
            },
            TestContext.CurrentContext.CancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopShield()
    {
        if (_shield is null)
            return;
        try
        {
            await Eventually.HoldsAsync(() => _shield.ConnectedSockets().Count == 0, TimeSpan.FromSeconds(20), "the shield has closed all its connections",
                CancellationToken.None);
            await _shield.StopAsync(CancellationToken.None);
            Assert.That(TroubleLine().Matches(_shield.AllLines).Select(match => match.Value), Is.Empty);
        }
        finally
        {
            await _shield.DisposeAsync();
        }
    }

    [SetUp]
    public async Task CountSessions()
    {
        await Shield.Log.WaitForQuietAsync(TestContext.CurrentContext.CancellationToken);
        _sessionsBefore = Connects();
    }

    [TestCaseSource(nameof(Faults))]
    [TestCaseSource(nameof(Kinds))]
    [CancelAfter(60_000)]
    public async Task Session_SinkFails_SameRepliesAsWithoutShield(string options, CancellationToken cancellationToken)
    {
        var (direct, _) = await RunAsync(_sinkEndPoint, options, cancellationToken);
        var (shielded, shieldedMessages) = await RunAsync(Shield.EndPoint, options, cancellationToken);
        TestContext.Out.WriteLine(string.Join('\n', direct.Append("-- through the shield").Concat(shielded)));
        Assert.Multiple(() =>
        {
            Assert.That(shielded, Is.EqualTo(Expected(direct)).AsCollection);
            Assert.That(Acknowledged(shielded), Is.LessThanOrEqualTo(shieldedMessages), "messages acknowledged to the client");
        });
        await SessionsEndAsync(1, cancellationToken);
    }

    /// <summary>The sink refuses the content before it was sent, and hangs up: its reply comes to the client instead of one to the message.</summary>
    [TestCase("-A 0")]
    [TestCase("-A 1")]
    [CancelAfter(60_000)]
    public async Task Content_SinkAborts_ItsReplyAndNoMessage(string options, CancellationToken cancellationToken)
    {
        await using var sink = await SmtpSink.StartAsync(_sinkEndPoint, options, cancellationToken);
        await using (var client = await RawSmtpClient.ConnectAsync(Shield.EndPoint, s_client, cancellationToken))
        {
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
            foreach (var command in s_script[4..6].Prepend(s_script[0]))
                Assert.That(await client.CommandAsync(command, cancellationToken), Does.StartWith("250"));
            Assert.That(await client.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("550 This violates SMTP"));
            await client.SendAsync("x\r\n.\r\n", cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Does.Not.StartWith("2").And.Not.StartWith("3"));
        }
        Assert.That(sink.Messages, Is.Zero);
        await SessionsEndAsync(1, cancellationToken);
    }

    /// <summary>The sink hangs up on a client that is silent: the client is told so by 421.</summary>
    [Test]
    [CancelAfter(60_000)]
    public async Task Silence_SinkHangsUp_421([Values(0, 1, 3)] int commands, CancellationToken cancellationToken)
    {
        await using var sink = await SmtpSink.StartAsync(_sinkEndPoint, "-t 3", cancellationToken);
        await using (var client = await RawSmtpClient.ConnectAsync(Shield.EndPoint, s_client, cancellationToken))
        {
            await client.ReplyAsync(cancellationToken);
            foreach (var command in s_script[..commands])
                await client.CommandAsync(command, cancellationToken);
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Unavailable + "\r\n"));
        }
        await SessionsEndAsync(1, cancellationToken);
    }

    /// <summary>A client that talks before the sink has greeted: smtp-sink takes it, postscreen(8) and the shield do not.</summary>
    [Test]
    [CancelAfter(60_000)]
    public async Task EarlyTalker_BeforeGreeting_554AndNoMessage(CancellationToken cancellationToken)
    {
        // Long enough for a client on a busy machine to be early.
        await using var sink = await SmtpSink.StartAsync(_sinkEndPoint, "-W CONNECT:5", cancellationToken);
        await using (var client = await RawSmtpClient.ConnectAsync(Shield.EndPoint, s_client, cancellationToken))
        {
            await client.SendAsync(string.Join("\r\n", s_script) + "\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("554 5.5.0 Error: SMTP protocol synchronization"));
            Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        }
        await SessionsEndAsync(1, cancellationToken);
        Assert.That(sink.Captures, Is.Empty);
    }

    /// <summary>A pipelined envelope of which one command ends the session: what was answered before it is passed on, nothing behind it is.</summary>
    [Test]
    [CancelAfter(60_000)]
    public async Task Pipelined_SinkHangsUp_RepliesUpToThereThen421(
        [Values("-q", "-Q")] string fault, [Values("MAIL", "RCPT", "DATA", ".", "RSET", "QUIT")] string at, CancellationToken cancellationToken)
    {
        await using var sink = await SmtpSink.StartAsync(_sinkEndPoint, $"{fault} {at}", cancellationToken);
        var replies = new List<string>();
        await using (var client = await RawSmtpClient.ConnectAsync(Shield.EndPoint, s_client, cancellationToken))
        {
            await client.ReplyAsync(cancellationToken);
            Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.Contain("PIPELINING"));
            await client.SendAsync("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n", cancellationToken);
            var sent = 3;
            while (replies.LastOrDefault() != "closed" && replies.Count < sent)
            {
                replies.Add(await client.ReplyAsync(cancellationToken));
                if (!replies[^1].StartsWith("354", StringComparison.Ordinal))
                    continue;
                await client.SendAsync("x\r\n.\r\nRSET\r\nQUIT\r\n", cancellationToken);
                sent = 6;
            }
        }
        string[] commands = ["MAIL", "RCPT", "DATA", ".", "RSET", "QUIT"];
        string[] answers = ["250", "250", "354", "250", "250", "221"];
        var good = Array.IndexOf(commands, at);
        var last = fault == "-Q" ? "421 4.0.0 Server closing connection" : at == "QUIT" ? "221 2.0.0 Bye" : Unavailable;
        Assert.That(replies.Select(reply => reply[..Math.Min(3, reply.Length)]).Take(good), Is.EqualTo(answers[..good]).AsCollection);
        Assert.That(replies.Skip(good).TakeWhile(reply => reply != "closed"), Is.EqualTo(new[] { last }).AsCollection);
        await SessionsEndAsync(1, cancellationToken);
    }

    /// <summary>A crowd of smtp-source(1) with faults: what smtp-source counts as sent, the sink has counted as received, and every session ends.</summary>
    [TestCase("", 400)]
    [TestCase("-p -8", 400)]
    [TestCase("-r RCPT", 0)]
    [TestCase("-f MAIL", 0)]
    [TestCase("-f .", 0)]
    [CancelAfter(60_000)]
    public async Task SmtpSource_20SessionsAtOnce_AllEnd(string options, int taken, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("smtp-source");
        await using var sink = await SmtpSink.StartAsync(_sinkEndPoint, options, cancellationToken);
        // -A goes on after a refusal, as an MTA does.
        var output = await OutsideProcess.RunSuccessfullyAsync(
            "smtp-source",
            ["-A", "-s", "20", "-m", "400", "-l", "3000", "-M", "client.example", "-f", "a@client.example", "-t", "b@example.test", $"inet:{Shield.EndPoint}"],
            TimeSpan.FromSeconds(50),
            cancellationToken);
        Assert.That(output.Split('\n').Count(line => line.Contains(" rejected: ", StringComparison.Ordinal)), taken > 0 ? Is.Zero : Is.EqualTo(400), output);
        await SessionsEndAsync(400, cancellationToken);
        if (taken > 0)
            await Eventually.HoldsAsync(() => sink.Messages == taken, TimeSpan.FromSeconds(10), $"{taken} messages at the sink", cancellationToken);
        else if (!options.Contains('.', StringComparison.Ordinal))
            Assert.That(sink.Messages, Is.Zero);
    }

    private static int Acknowledged(IReadOnlyList<string> replies) => replies.Count(reply => reply.StartsWith(". -> 250", StringComparison.Ordinal));

    private static IEnumerable<string> Expected(IReadOnlyList<string> direct)
    {
        var refusedAtGreeting = direct[0].StartsWith("CONNECT -> 5", StringComparison.Ordinal);
        foreach (var (command, reply) in direct.Select(line => line.Split(" -> ", 2)).Select(parts => (parts[0], parts[1])))
        {
            if (reply == "closed" && command == "QUIT")
                yield return "QUIT -> 221 2.0.0 Bye";
            else if (reply == "closed")
                yield return $"{command} -> {Unavailable}";
            else if (refusedAtGreeting && command == ".")
                continue; // It has no 354.
            else if (refusedAtGreeting && command is not ("CONNECT" or "QUIT"))
                yield return $"{command} -> 503 5.7.0 Error: access denied for unknown[{s_client}]";
            else
                yield return $"{command} -> {Passed(reply)}";
            if (reply == "closed")
                yield break;
        }
    }

    // Without the keywords that the shield never passes, and without smtp-sink's last line, which has none.
    private static string Passed(string reply)
    {
        if (!reply.Contains('\n', StringComparison.Ordinal))
            return reply;
        var lines = reply.Split('\n').Where(line => !HiddenKeyword().IsMatch(line) && line.Length > 4).Select(line => line[4..]).ToArray();
        return string.Join('\n', lines.Select((line, index) => $"250{(index == lines.Length - 1 ? ' ' : '-')}{line}"));
    }

    private async Task<(IReadOnlyList<string> Replies, int Messages)> RunAsync(IPEndPoint server, string options, CancellationToken cancellationToken)
    {
        await using var sink = await SmtpSink.StartAsync(_sinkEndPoint, options, cancellationToken);
        var replies = new List<string>();
        await using (var client = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken))
        {
            replies.Add("CONNECT -> " + await client.ReplyAsync(cancellationToken));
            foreach (var command in s_script)
            {
                // Whoever says 421 closes behind it (RFC 5321 section 3.8); of the shield that is checked below.
                if (replies[^1].EndsWith("closed", StringComparison.Ordinal) || SaysGoodbye().IsMatch(replies[^1]))
                    break;
                var name = command.Contains('\n', StringComparison.Ordinal) ? "." : command.Split(' ')[0];
                if (name == "." && !replies[^1].StartsWith("DATA -> 354", StringComparison.Ordinal))
                    continue;
                replies.Add($"{name} -> {await client.CommandAsync(command, cancellationToken)}");
            }
            if (server.Port == Shield.EndPoint.Port && SaysGoodbye().IsMatch(replies[^1]))
                Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        }
        return (replies, sink.Captures.Count(capture => capture.EndsWith("\n.x\n\n", StringComparison.Ordinal)));
    }

    private async Task SessionsEndAsync(int sessions, CancellationToken cancellationToken)
    {
        await Shield.Log.WaitForDisconnectsAsync(_sessionsBefore + sessions, cancellationToken);
        await Shield.Log.WaitForQuietAsync(cancellationToken);
        Assert.That(Connects(), Is.EqualTo(_sessionsBefore + sessions));
    }

    private int Connects() => Shield.Log.Texts.Count(text => text.StartsWith("connect from ", StringComparison.Ordinal));

    [GeneratedRegex(" -> (421|521)( |$)")]
    private static partial Regex SaysGoodbye();

    [GeneratedRegex(@"^250[- ](XCLIENT|XFORWARD)\b")]
    private static partial Regex HiddenKeyword();

    [GeneratedRegex(@"^.*((error|fatal|panic): |[Ee]xception).*$", RegexOptions.Multiline)]
    private static partial Regex TroubleLine();
}
