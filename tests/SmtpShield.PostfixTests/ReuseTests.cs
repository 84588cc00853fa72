using System.Globalization;
using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;
using SmtpShield.Testing.Tls;

namespace SmtpShield.PostfixTests;

/// <summary>Sessions with a real Postfix that go on from one client to the next: nothing of one reaches another, and Postfix logs each as itself.</summary>
[Parallelizable(ParallelScope.Self), CancelAfter(120_000)]
public sealed class ReuseTests
{
    private const string Good = "good@example.test";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static int s_lastClient;
    private PostfixInstance? _postfix;
    private string _directory = "";

    private string Boxes => Path.Combine(_directory, "boxes");

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        _directory = Directory.CreateTempSubdirectory("smtpshield-reuse-").FullName;
        var chain = Path.Combine(_directory, "chain.pem");
        await File.WriteAllTextAsync(chain, TestCertificate.Make(PostfixInstance.HostName).Chain, TestContext.CurrentContext.CancellationToken);
        await WriteBoxesAsync("box7", TestContext.CurrentContext.CancellationToken);
        _postfix = await PostfixInstance.StartAsync(
            [
                PostfixService.WithoutLimits("plain"),
                PostfixService.WithoutLimits("lenient", new Dictionary<string, string> { ["smtpd_forbid_bare_newline"] = "no" }),
                PostfixService.WithoutLimits("forall", new Dictionary<string, string> { ["smtpd_authorized_xclient_hosts"] = "static:all" }),
                PostfixService.WithoutLimits("forone", new Dictionary<string, string> { ["smtpd_authorized_xclient_hosts"] = "127.0.0.1" }),
                new("limited", new Dictionary<string, string>
                {
                    ["smtpd_hard_error_limit"] = "20", ["smtpd_soft_error_limit"] = "100", ["smtpd_client_event_limit_exceptions"] = "static:all",
                }),
                PostfixService.WithoutLimits("tls", new Dictionary<string, string>
                {
                    ["smtpd_tls_chain_files"] = chain, ["smtpd_tls_security_level"] = "encrypt",
                }),
                PostfixService.WithoutLimits("growing", new Dictionary<string, string>
                {
                    ["smtpd_recipient_restrictions"] = $"check_recipient_access hash:{Boxes}, reject",
                }),
                new("stressed", new Dictionary<string, string> { ["smtpd_junk_command_limit"] = "1", ["smtpd_hard_error_limit"] = "1" }),
            ],
            TestContext.CurrentContext.CancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test, Property("Pool", "REUSE-1"), Property("Pool", "REUSE-2")]
    public async Task Messages_OfSeveralClients_HaveTheirOwnNamesOrNone(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync("plain", "none", cancellationToken);
        var log = Postfix.LogOf("plain").FromHere();
        await SendAsync(shield, "box1", "EHLO one.example", cancellationToken);
        await SendAsync(shield, "box2", "EHLO two.example", cancellationToken);
        await SendAsync(shield, "box3", null, cancellationToken);

        var (one, two, three) = (await ReceivedAsync("box1", cancellationToken), await ReceivedAsync("box2", cancellationToken),
            await ReceivedAsync("box3", cancellationToken));
        Assert.That(one, Does.Contain("from one.example ("));
        Assert.That(two, Does.Contain("from two.example (").And.Not.Contains("one.example"));
        Assert.That(three, Does.Not.Contain("one.example").And.Not.Contains("two.example"));
        await shield.StopAsync(cancellationToken);
        await log.WaitForQuietAsync(cancellationToken);
        Assert.That(log.Texts, Has.One.StartsWith("disconnect from ").And.Contains(" mail=2 "), "the first two in one session");
        Assert.That(log.Texts, Has.None.Contains("lost connection"));
        Assert.That(shield.AllLines, Does.Contain(": NOQUEUE: proxy-accept: END-OF-MESSAGE from unknown[").And.Contains("]: 250 2.0.0 Ok: queued as "));
    }

    [Test, Property("Pool", "REUSE-1")]
    public async Task Messages_OfSeveralClientsInTls_GoThroughOneHandshake(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(
            "tls", "none", cancellationToken, new Dictionary<string, string> { ["shield_upstream_tls_security_level"] = "encrypt" });
        var log = Postfix.LogOf("tls").FromHere();
        string[] names = ["one.example", "two.example", "two.example", "three.example"];
        foreach (var name in names)
            await SendAsync(shield, "box10", $"EHLO {name}", cancellationToken);
        await shield.StopAsync(cancellationToken);
        await log.WaitForQuietAsync(cancellationToken);

        Assert.That(log.Texts.Count(static text => text.StartsWith("connect from ", StringComparison.Ordinal)), Is.EqualTo(1));
        Assert.That(log.Texts, Has.None.Contains("lost connection"));
        Assert.That(await Postfix.WaitForMessagesAsync("box10", names.Length, s_patience, cancellationToken), Has.Count.EqualTo(names.Length));
    }

    // As EOD-1 to EOD-14: what some parsers take for the end.
    [Property("Pool", "REUSE-6")]
    [TestCase("x\n.\n"), TestCase("x\n.\r\n"), TestCase("x\r\n.\n"), TestCase("x\r\n.\r"), TestCase("x\r.\r"), TestCase("x\r.\r\n"), TestCase("x\r\n.\r\r\n")]
    [TestCase("x\r\n.\0\r\n"), TestCase("x\r\n\0.\r\n"), TestCase("x\n\n.\n\n"), TestCase(".\n"), TestCase(".\r"), TestCase("\n.\n"), TestCase("\r.\r\n")]
    [TestCase("x\n..\n"), TestCase("x\r\n. \r\n"), TestCase("x\n"), TestCase("x\r"), TestCase("x\0")]
    public async Task Content_WithCommandsBehindWhatMayBeItsEnd_NeverRunsBeforeAnother(string end, CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync("lenient", "none", cancellationToken);
        var (smuggled, mine) = (NextBox(), NextBox());
        var tail = $"MAIL FROM:<evil@x.example>\r\nRCPT TO:<{smuggled}@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n";
        await using (var attacker = await ConnectAsync(shield, "EHLO c.example", cancellationToken))
        {
            await EnvelopeAsync(attacker, Good, cancellationToken);
            await attacker.SendAsync($"Subject: x\r\n\r\n{end}{tail}.\r\nQUIT\r\n", cancellationToken);
            await attacker.ReadToEndAsync(cancellationToken);
        }

        for (var i = 0; i < 2; i++)
            await SendAsync(shield, mine, "EHLO c.example", cancellationToken);
        await Postfix.WaitForMessagesAsync(mine, 2, s_patience, cancellationToken);
        await Postfix.WaitForEmptyQueueAsync(cancellationToken);
        Assert.That(Postfix.MessagesOf(smuggled), Is.Empty);
    }

    [Test, Property("Pool", "REUSE-7")]
    public async Task Xclient_ThousandClients_EachIsItselfToPostfix(CancellationToken cancellationToken)
    {
        const int Clients = 1000;
        await using var shield = await StartAsync("forall", "xclient", cancellationToken);
        await SendAsync(shield, "box8", "EHLO first.example", cancellationToken);
        var log = Postfix.LogOf("forall").FromHere();
        var twenty = new ParallelOptions { MaxDegreeOfParallelism = 20, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, Clients, twenty, async (number, cancelled) =>
        {
            var from = new IPAddress([127, 85, (byte)(1 + number / 250), (byte)(1 + number % 250)]);
            await SendAsync(shield, "box9", $"EHLO c{number}.example", cancelled, from);
        });

        await log.WaitForAsync(static texts => texts.Count(IsClient) == Clients, "all", cancellationToken);
        Assert.That(log.Texts.Where(IsClient).Select(static text => text[text.IndexOf('[')..])
            .Distinct().Count(), Is.EqualTo(Clients));
        Assert.That(log.Texts.Count(static text => text.StartsWith("connect from ", StringComparison.Ordinal)), Is.AtMost(Clients / 5), "sessions");
        foreach (var file in await Postfix.WaitForMessagesAsync("box9", Clients, s_patience, cancellationToken))
        {
            var message = await File.ReadAllTextAsync(file, cancellationToken);
            var number = int.Parse(message[(message.IndexOf("Subject: ", StringComparison.Ordinal) + 9)..].Split('\n')[0].Split('.')[0][1..],
                CultureInfo.InvariantCulture);
            Assert.That(message, Does.Contain($"from c{number}.example (").And.Contain($"[127.85.{1 + number / 250}.{1 + number % 250}])"));
        }

        await shield.StopAsync(cancellationToken);
    }

    [Test, Property("Pool", "REUSE-7")]
    public async Task Xclient_ListHasNotTheClient_MailFlowsAndItIsToldOnce(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync("forone", "xclient", cancellationToken);
        for (var i = 0; i < 3; i++)
            await SendAsync(shield, "box4", "EHLO c.example", cancellationToken);
        await shield.StopAsync(cancellationToken);

        Assert.That(shield.AllLines.Split("are not reused: XCLIENT is not offered behind XCLIENT").Length, Is.EqualTo(2));
    }

    [Test, Property("Pool", "REUSE-10")]
    public async Task Errors_OfOneClient_AreNotAnothers(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync("limited", "none", cancellationToken, new Dictionary<string, string>
        {
            ["smtpd_soft_error_limit"] = "1000", ["smtpd_hard_error_limit"] = "1000",
        });
        await SendAsync(shield, "box5", "EHLO c.example", cancellationToken);
        await using (var first = await ConnectAsync(shield, "EHLO c.example", cancellationToken))
        {
            Assert.That(await first.CommandAsync("MAIL FROM:<a@x.example>", cancellationToken), Does.StartWith("250"));
            for (var i = 0; i < 15; i++)
                Assert.That(await first.CommandAsync("RCPT TO:<x@elsewhere.example>", cancellationToken), Does.StartWith("554"));
            await FinishAsync(first, "box5@example.test", cancellationToken);
        }

        await using var second = await ConnectAsync(shield, "EHLO c.example", cancellationToken);
        Assert.That(await second.CommandAsync("MAIL FROM:<a@x.example>", cancellationToken), Does.StartWith("250"));
        for (var i = 0; i < 20; i++)
            Assert.That(await second.CommandAsync("RCPT TO:<x@elsewhere.example>", cancellationToken), Does.StartWith("554"), $"error {i}");
        Assert.That(await second.CommandAsync("RCPT TO:<x@elsewhere.example>", cancellationToken), Does.StartWith("421 4.7.0 "));
    }

    [TestCase("EHLO c.example"), TestCase("EHLO other.example"), Property("Pool", "REUSE-12")]
    public async Task Stressed_Postfix_ClientOfAKeptSessionHasItsWholeAllowance(string hello, CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync("stressed", "none", cancellationToken);
        await SendAsync(shield, "box6", "EHLO c.example", cancellationToken);
        await SendAsync(shield, "box6", "EHLO c.example", cancellationToken);
        var log = Postfix.LogOf("stressed").FromHere();
        await using var client = await ConnectAsync(shield, hello, cancellationToken);
        Assert.That(await client.CommandAsync("RSET", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("MAIL FROM:<a@x.example>", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("RSET", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("MAIL FROM:<a@x.example>", cancellationToken), Does.StartWith("250"));

        Assert.That(log.Texts, Has.None.StartsWith("connect from "), "it is the kept session");
    }

    private static bool IsClient(string text) => text.Contains(": client=", StringComparison.Ordinal);

    // A Postfix process looks for a table that has changed between two sessions only.
    [Test, Property("Pool", "REUSE-13")]
    public async Task Recipient_AddedWhileASessionIsKept_IsAccepted(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(
            "growing", "none", cancellationToken, new Dictionary<string, string> { ["shield_upstream_reuse_time"] = "2s" });
        await SendAsync(shield, "box7", "EHLO c.example", cancellationToken);
        await WriteBoxesAsync("box7 box8", cancellationToken);
        string reply;
        do
        {
            await SendAsync(shield, "box7", "EHLO c.example", cancellationToken);
            await using var client = await ConnectAsync(shield, "EHLO c.example", cancellationToken);
            await client.CommandAsync("MAIL FROM:<a@x.example>", cancellationToken);
            reply = await client.CommandAsync("RCPT TO:<box8@example.test>", cancellationToken);
            await client.CommandAsync("QUIT", cancellationToken);
        }
        while (!reply.StartsWith("250 ", StringComparison.Ordinal));
    }

    private async Task WriteBoxesAsync(string boxes, CancellationToken cancellationToken)
    {
        await File.WriteAllLinesAsync(Boxes, boxes.Split(' ').Select(static box => $"{box}@example.test OK"), cancellationToken);
        await OutsideProcess.RunSuccessfullyAsync("postmap", [$"hash:{Boxes}"], s_patience, cancellationToken);
    }

    private static string NextBox() => $"box{100 + Interlocked.Increment(ref s_lastClient)}";

    private async Task<ShieldProcess> StartAsync(
        string service, string handoff, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? parameters = null)
    {
        var all = new Dictionary<string, string>(parameters ?? new Dictionary<string, string>())
        {
            ["shield_upstream_reuse"] = "yes",
            ["shield_upstream_connect"] = "mail",
            ["shield_client_handoff"] = handoff,
            ["smtpd_tls_security_level"] = "none",
            ["smtpd_peername_lookup"] = "no",
            // A probe at the start teaches what is said in Postfix's place; others would be sessions too.
            ["shield_upstream_probe_interval"] = "1h",
        };
        var log = Postfix.LogOf(service).FromHere();
        var shield = await ShieldProcess.StartAsync(Postfix.EndPointOf(service), all, cancellationToken);
        await log.WaitForAsync(static texts => texts.Any(static text => text.StartsWith("disconnect from ", StringComparison.Ordinal)), "the probe",
            cancellationToken);
        return shield;
    }

    private static async Task<RawSmtpClient> ConnectAsync(ShieldProcess shield, string? hello, CancellationToken cancellationToken, IPAddress? from = null)
    {
        var client = await RawSmtpClient.ConnectAsync(
            shield.EndPoint, from ?? new([127, 86, 0, (byte)(1 + Interlocked.Increment(ref s_lastClient) % 250)]), cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        if (hello is not null)
            Assert.That(await client.CommandAsync(hello, cancellationToken), Does.StartWith("250-"));
        return client;
    }

    private static async Task SendAsync(ShieldProcess shield, string box, string? hello, CancellationToken cancellationToken, IPAddress? from = null)
    {
        await using var client = await ConnectAsync(shield, hello, cancellationToken, from);
        Assert.That(await client.CommandAsync("MAIL FROM:<a@x.example>", cancellationToken), Does.StartWith("250 2.1.0 "));
        await FinishAsync(client, $"{box}@example.test", cancellationToken, hello);
    }

    private static async Task EnvelopeAsync(RawSmtpClient client, string recipient, CancellationToken cancellationToken)
    {
        foreach (var (line, reply) in ((string, string)[])[("MAIL FROM:<a@x.example>", "250"), ($"RCPT TO:<{recipient}>", "250"), ("DATA", "354")])
            Assert.That(await client.CommandAsync(line, cancellationToken), Does.StartWith(reply), line);
    }

    private static async Task FinishAsync(RawSmtpClient client, string recipient, CancellationToken cancellationToken, string? hello = null)
    {
        foreach (var (line, reply) in ((string, string)[])
            [
                ($"RCPT TO:<{recipient}>", "250 2.1.5 "), ("DATA", "354 "), ($"Subject: {hello?[5..]}\r\n\r\ntext\r\n.", "250 2.0.0 Ok: queued as "),
                ("QUIT", "221 "),
            ])
        {
            Assert.That(await client.CommandAsync(line, cancellationToken), Does.StartWith(reply), line);
        }
    }

    private async Task<string> ReceivedAsync(string box, CancellationToken cancellationToken) =>
        await File.ReadAllTextAsync((await Postfix.WaitForMessagesAsync(box, 1, s_patience, cancellationToken))[0], cancellationToken);
}
