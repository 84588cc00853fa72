using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// SMTP smuggling (CVE-2023-51764, -51765, -51766; Wang et al., USENIX Security 2025): content with something that an MTA could take for its end, and commands
/// of a second message behind it. Through the shield no second message comes into being, whatever the MTA behind it takes for an end: the content is one
/// message, or it is refused as a whole.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class SmugglingTests
{
    private const string Refusal = "521 5.5.2 mail.example.test Error: bare <LF> received";
    private static readonly IPAddress s_client = IPAddress.Parse("127.83.0.1");

    // What stands between the honest content and the smuggled commands, and whether the shield refuses it.
    private static readonly (string Octets, bool Refused)[] s_ends =
    [
        ("x\n.\n", true),
        ("x\n.\r\n", true),
        ("x\n.\r", true),
        ("x\n.\r\r\n", true),
        ("x\n.\0\n", true),
        ("x\r\n.\n", true),
        ("x\r\n.\r", true),
        ("x\r\n.\r\r\n", true),
        ("x\r\n.\r\r", true),
        ("x\r\n.\n\r", true),
        ("x\r\n.\0\r\n", true),
        ("x\r\n.\r\0\n", true),
        ("x\r\n.\0\n", true),
        ("x\r\n\0.\r\n", true),
        ("x\r\0\n.\r\n", true),
        ("x\0\r\n.\r\n", true),
        ("x\0\n.\r\n", true),
        ("x\0.\r\n", true),
        ("x\0\r\n.\n", true),
        ("x\r.\r", true),
        ("x\r.\n", true),
        ("x\r.\r\n", true),
        ("x\r.\r\r\n", true),
        ("x\r\r\n.\r\r\n", true),
        ("x\r\r.\r\r", true),
        ("x\n\n.\n\n", true),
        ("x\n\r.\n\r", true),
        ("x\n\r.\r\n", true),
        ("x\r\n\n.\n\r\n", true),
        (".\n", true),
        (".\r", true),
        (".\r\r\n", true),
        (".\0\r\n", true),
        ("\n.\n", true),
        ("\n.\r\n", true),
        ("\r.\r\n", true),
        // These are no end to anybody.
        ("x\r\n..\r\n", false),
        ("x\r\n. \r\n", false),
        ("x\r\n \r\n", false),
        ("x\r\n.x\r\n", false),
        ("x.\r\n", false),
        ("x\n..\n", false),
        ("x\r\n.\t\r\n", false),
        ("x\r\n\v.\r\n", false),
        ("x\r\n\f.\r\n", false),
        ("x\r\n\x85.\r\n", false),
        ("x\r\n\xa0.\r\n", false),
        ("x\x1a.\x1a", false),
    ];

    private static int s_box;
    private readonly Dictionary<string, ShieldProcess> _shields = [];
    private readonly IPEndPoint _sinkEndPoint = new(IPAddress.Loopback, LoopbackPorts.Take());
    private PostfixInstance? _postfix;

    private static IEnumerable<TestCaseData> Ends =>
        from mta in new[] { "lenient", "strict" }
        from end in s_ends
        from split in new[] { false, true }
        select new TestCaseData(mta, end.Octets, end.Refused, split).SetArgDisplayNames(mta, Readable(end.Octets), split ? "one octet per write" : "one write");

    private static IEnumerable<TestCaseData> Chunks =>
        from mta in new[] { "lenient", "strict" }
        from end in s_ends
        select new TestCaseData(mta, end.Octets).SetArgDisplayNames(mta, Readable(end.Octets));

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    // What the MTAs see are the clients' sessions, and no probes.
    private static readonly Dictionary<string, string> s_parameters = new()
    {
        ["smtpd_client_connection_rate_limit"] = "0", ["shield_upstream_probe_interval"] = "0",
    };

    [OneTimeSetUp]
    public async Task StartServers()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _postfix = await PostfixInstance.StartAsync([Service("lenient", "no"), Service("strict", "normalize"), Service("direct", "no")], cancellationToken);
        foreach (var mta in new[] { "lenient", "strict" })
            _shields[mta] = await ShieldProcess.StartAsync(
                _postfix.EndPointOf(mta), s_parameters, cancellationToken);
        _shields["sink"] = await ShieldProcess.StartAsync(
            _sinkEndPoint, s_parameters, cancellationToken);

        static PostfixService Service(string name, string forbid) =>
            PostfixService.WithoutLimits(name, new Dictionary<string, string> { ["smtpd_forbid_bare_newline"] = forbid });
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        foreach (var shield in _shields.Values)
            await shield.DisposeAsync();
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    [TestCaseSource(nameof(Ends))]
    [CancelAfter(60_000)]
    public async Task Data_SmuggledMessage_DoesNotArrive(string mta, string end, bool refused, bool split, CancellationToken cancellationToken)
    {
        var (honest, smuggled) = (TakeBox(), TakeBox());
        var before = Postfix.LogOf(mta).Texts.Count(IsDisconnect);
        var replies = await SendAsync(_shields[mta].EndPoint, honest, smuggled, end, cancellationToken, split);
        TestContext.Out.WriteLine(string.Join('\n', replies));

        await Postfix.LogOf(mta).WaitForDisconnectsAsync(before + 1, cancellationToken);
        await Postfix.WaitForEmptyQueueAsync(cancellationToken);
        Assert.Multiple(() =>
        {
            Assert.That(Postfix.MessagesOf(smuggled), Has.Count.EqualTo(0), "smuggled messages");
            Assert.That(Postfix.MessagesOf(honest), Has.Count.EqualTo(refused ? 0 : 1), "honest messages");
            Assert.That(replies[0], refused ? Is.EqualTo(Refusal) : Does.StartWith("250 2.0.0 Ok: queued"));
            Assert.That(replies, Has.Count.EqualTo(refused ? 1 : 2));
            // The MTA has not even heard of a second message.
            Assert.That(Postfix.LogOf(mta).Texts.Last(IsDisconnect), Does.Contain(" mail=1 rcpt=1 data="));
        });
    }

    [TestCaseSource(nameof(Chunks))]
    [CancelAfter(60_000)]
    public async Task Bdat_SmuggledMessage_DoesNotArrive(string mta, string end, CancellationToken cancellationToken)
    {
        var (honest, smuggled) = (TakeBox(), TakeBox());
        var content = Content(end, smuggled);
        await using (var client = await EnvelopeAsync(_shields[mta].EndPoint, honest, cancellationToken))
        {
            await client.SendAsync($"BDAT {content.Length} LAST\r\n{content}QUIT\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("250 2.0.0 Ok: "));
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("221 "));
        }
        await Postfix.WaitForEmptyQueueAsync(cancellationToken);
        Assert.That(Postfix.MessagesOf(smuggled), Is.Empty);
        Assert.That(Postfix.MessagesOf(honest), Has.Count.EqualTo(1));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Data_SmuggledMessageBeforeSmtpSink_DoesNotArrive(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("smtp-sink");
        await using var sink = await SmtpSink.StartAsync(_sinkEndPoint, "", cancellationToken);
        var taken = 0;
        foreach (var (end, refused) in s_ends)
        {
            var replies = await SendAsync(_shields["sink"].EndPoint, "honest", "smuggled", end, cancellationToken);
            Assert.That(replies[0], refused ? Is.EqualTo(Refusal) : Is.EqualTo("250 2.0.0 Ok"), Readable(end));
            taken += refused ? 0 : 1;
        }
        await Eventually.HoldsAsync(() => sink.Sessions == s_ends.Length, TimeSpan.FromSeconds(20), "all sessions of the sink have ended", cancellationToken);
        Assert.That(sink.Messages, Is.EqualTo(taken));
        Assert.That(sink.Captures.Where(capture => capture.Contains("\nX-Rcpt-Args: <smuggled@example.test>", StringComparison.Ordinal)), Is.Empty);
    }

    /// <summary>The attack works without the shield, so the tests above can fail.</summary>
    [Test]
    [CancelAfter(60_000)]
    public async Task Data_SmuggledMessageToLenientMta_ArrivesWithoutShield(CancellationToken cancellationToken)
    {
        var arrived = new List<string>();
        foreach (var (end, _) in s_ends)
        {
            var smuggled = TakeBox();
            await SendAsync(Postfix.EndPointOf("direct"), TakeBox(), smuggled, end, cancellationToken);
            await Postfix.WaitForEmptyQueueAsync(cancellationToken);
            if (Postfix.MessagesOf(smuggled).Count > 0)
                arrived.Add(end);
        }
        TestContext.Out.WriteLine(string.Join('\n', arrived.Select(Readable)));
        Assert.That(arrived, Is.SupersetOf(new[] { "x\n.\n", "x\n.\r\n", "x\r\n.\n" }));
    }

    private static bool IsDisconnect(string text) => text.StartsWith("disconnect from ", StringComparison.Ordinal);

    private static string TakeBox() => $"box{Interlocked.Increment(ref s_box)}";

    private static string Readable(string octets) =>
        string.Concat(octets.Select(octet => octet switch { '\r' => "<CR>", '\n' => "<LF>", < ' ' or > '~' => $"<{(int)octet:X2}>", _ => octet.ToString() }));

    private static string Content(string end, string smuggled) =>
        (end[0] == 'x' ? "Subject: honest\r\n\r\n" : "") + end
            + $"MAIL FROM:<a@client.example>\r\nRCPT TO:<{smuggled}@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n";

    private static async Task<RawSmtpClient> EnvelopeAsync(IPEndPoint server, string to, CancellationToken cancellationToken)
    {
        var client = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
        foreach (var command in new[] { "EHLO client.example", "MAIL FROM:<a@client.example>", $"RCPT TO:<{to}@example.test>" })
            Assert.That(await client.CommandAsync(command, cancellationToken), Does.StartWith("250"));
        return client;
    }

    // The replies behind 354, to the server's close.
    private static async Task<IReadOnlyList<string>> SendAsync(
        IPEndPoint server, string honest, string smuggled, string end, CancellationToken cancellationToken, bool split = false)
    {
        await using var client = await EnvelopeAsync(server, honest, cancellationToken);
        Assert.That(await client.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
        var content = Content(end, smuggled) + ".\r\nQUIT\r\n";
        foreach (var octets in split ? content.Select(octet => octet.ToString()) : [content])
            await client.SendAsync(octets, cancellationToken);
        return (await client.ReadToEndAsync(cancellationToken)).TrimEnd().Split("\r\n");
    }
}
