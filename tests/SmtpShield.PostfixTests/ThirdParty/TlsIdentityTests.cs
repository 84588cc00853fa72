using System.Net;
using System.Net.Sockets;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// Who the client is, from one end to the other with TLS that the shield ends: HAProxy in front, Postfix behind, whose log, connection rate, access table and
/// policy server see the client and what it said inside TLS.
/// </summary>
[Parallelizable(ParallelScope.Self)]
[Property("Hazard", "ID-11")]
public sealed class TlsIdentityTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static int s_last;
    private readonly PolicyServer _policy = new();
    private readonly Dictionary<string, IPEndPoint> _endPoints = [];
    private PostfixInstance? _postfix;
    private ShieldProcess? _shield;
    private string _directory = "";

    private static IEnumerable<TestCaseData> Sessions =>
        from handoff in new[] { "proxy-v1", "proxy-v2", "xclient", "xclient and TLS" }
        from tls in new[] { "clear", "starttls", "wrapper" }
        from address in new[] { "127.0.0.1", "127.85.1.1" }
        select new TestCaseData(handoff, tls, address);

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    private ShieldProcess Shield => _shield ?? throw new InvalidOperationException("The shield was not started");

    [OneTimeSetUp]
    public async Task StartServers()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _directory = Directory.CreateTempSubdirectory("smtpshield-identity-").FullName;
        var chain = Path.Combine(_directory, "chain.pem");
        await File.WriteAllTextAsync(chain, TestCertificate.Make(PostfixInstance.HostName).Chain, cancellationToken);

        var knowing = new Dictionary<string, string>
        {
            ["smtpd_peername_lookup"] = "yes",
            ["smtpd_recipient_restrictions"] = $"check_client_access cidr:{{ {{ 127.85.9.0/24 reject not this network }} }}, {_policy.Restriction}",
        };
        var proxied = new Dictionary<string, string>(knowing) { ["smtpd_upstream_proxy_protocol"] = "haproxy" };
        var authorized = new Dictionary<string, string>(knowing) { ["smtpd_authorized_xclient_hosts"] = "127.0.0.1" };
        var rate = new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "2" };
        _postfix = await PostfixInstance.StartAsync(
            [
                PostfixService.WithoutLimits("proxied", proxied),
                PostfixService.WithoutLimits("xclient", authorized),
                PostfixService.WithoutLimits("xclienttls",
                    new Dictionary<string, string>(authorized) { ["smtpd_tls_security_level"] = "encrypt", ["smtpd_tls_chain_files"] = chain }),
                new("proxiedrate", proxied.Concat(rate).ToDictionary()),
                new("xclientrate", authorized.Concat(rate).ToDictionary()),
            ],
            cancellationToken);

        var parameters = new Dictionary<string, string> { ["smtpd_tls_chain_files"] = chain };
        Add("proxy-v1", "proxied", "proxy-v1");
        Add("proxy-v2", "proxied", "proxy-v2");
        Add("xclient", "xclient", "xclient");
        Add("xclient and TLS", "xclienttls", "xclient", ("shield_upstream_tls_security_level", "encrypt"));
        Add("proxy-v1 rate", "proxiedrate", "proxy-v1");
        Add("xclient rate", "xclientrate", "xclient");
        Add("haproxy", "proxied", "proxy-v2", ("smtpd_upstream_proxy_protocol", "haproxy"), ("shield_proxy_sources", "127.0.0.1"),
            ("smtpd_client_connection_count_limit", "1"));
        parameters["shield_services"] = string.Join(' ', _endPoints.Keys.Select(ServiceName));
        // Where the test waits for it; its own service has the same.
        parameters["shield_listen"] = _endPoints["proxy-v1/smtp"].ToString();
        _shield = await ShieldProcess.StartAsync(_postfix.EndPointOf("proxied"), parameters, cancellationToken);
        await Eventually.HoldsAsync(() => LoopbackPorts.AreListening([.. _endPoints.Values.Select(endPoint => endPoint.Port)]), s_limit,
            "all services listen", cancellationToken);

        void Add(string name, string upstream, string handoff, params (string Name, string Value)[] others)
        {
            foreach (var mode in (string[])["smtp", "wrapper"])
            {
                var key = $"{name}/{mode}";
                _endPoints[key] = new(IPAddress.Loopback, LoopbackPorts.Take());
                foreach (var (parameter, value) in ((string, string)[])[("shield_listen", _endPoints[key].ToString()),
                    ("shield_upstream", _postfix!.EndPointOf(upstream).ToString()), ("shield_client_handoff", handoff),
                    ("smtpd_tls_wrappermode", mode == "wrapper" ? "yes" : "no"), .. others])
                {
                    parameters[$"{ServiceName(key)}/inet/{parameter}"] = value;
                }
            }
        }

        static string ServiceName(string key) => key.Replace(" ", "", StringComparison.Ordinal).Replace("/", "", StringComparison.Ordinal);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        if (_shield is not null)
            await _shield.DisposeAsync();
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        await _policy.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [TestCaseSource(nameof(Sessions))]
    [CancelAfter(60_000)]
    public async Task Session_WithHandoff_PostfixAndItsPolicyServerKnowTheClient(
        string handoff, string tls, string address, CancellationToken cancellationToken)
    {
        var service = handoff switch { "xclient" => "xclient", "xclient and TLS" => "xclienttls", _ => "proxied" };
        var log = Postfix.LogOf(service).FromHere();
        var server = _endPoints[$"{handoff}/{(tls == "wrapper" ? "wrapper" : "smtp")}"];
        await using var client = tls == "clear"
            ? await TlsSmtpClient.ConnectAsync(server, address, cancellationToken)
            : await TlsSmtpClient.ConnectWithTlsAsync(server, address, tls == "wrapper", cancellationToken, "before.example");
        if (tls == "clear")
            await client.ReplyAsync(cancellationToken);
        var sender = $"a{Interlocked.Increment(ref s_last)}@client.example";

        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync($"MAIL FROM:<{sender}>", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("RCPT TO:<good@example.test>", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("RCPT TO:<x@elsewhere.example>", cancellationToken), Does.StartWith("554 5.7.1 "));
        Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));

        var name = NameOf(IPAddress.Parse(address));
        var asked = _policy.RequestsOf(sender).Single();
        string[] facts = ["client_address", "client_port", "client_name", "reverse_client_name", "helo_name", "protocol_name", "encryption_protocol"];
        // What encrypts is the connection between shield and Postfix; the client's own TLS is not told.
        Assert.That(
            facts.Select(fact => $"{fact}={asked[fact]}"),
            Is.EqualTo(new[] { $"client_address={address}", $"client_port={client.LocalEndPoint.Port}", $"client_name={name}", $"reverse_client_name={name}",
                "helo_name=client.example", "protocol_name=ESMTP", $"encryption_protocol={(service == "xclienttls" ? "TLSv1.3" : "")}" }));
        // The shield's own probes come from this host too.
        await log.WaitForAsync(
            texts => texts.Where(text => text.StartsWith($"disconnect from {name}[{address}] ", StringComparison.Ordinal)).ToArray() is var ends
            && ends.Length >= (tls == "starttls" ? 2 : 1) && ends.Any(static end => end.Contains(" mail=1 ", StringComparison.Ordinal)),
            "the end of the sessions", cancellationToken);
        Assert.That(log.Texts, Has.Some.EndsWith($"client={name}[{address}]"));
        Assert.That(log.Texts, Has.Some.Contains($"reject: RCPT from {name}[{address}]: 554 5.7.1 <x@elsewhere.example>: Relay access denied; "
            + $"from=<{sender}> to=<x@elsewhere.example> proto=ESMTP helo=<client.example>"));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Rcpt_ClientInPostfixsNetworkTable_RefusedInTls(
        [Values("proxy-v1", "proxy-v2", "xclient")] string handoff, [Values("smtp", "wrapper")] string mode, CancellationToken cancellationToken)
    {
        await using var client = await TlsSmtpClient.ConnectWithTlsAsync(_endPoints[$"{handoff}/{mode}"], "127.85.9.9", mode == "wrapper", cancellationToken);
        await client.CommandAsync("EHLO client.example", cancellationToken);
        await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken);

        Assert.That(await client.CommandAsync("RCPT TO:<good@example.test>", cancellationToken),
            Does.Match(@"^554 5\.7\.1 <.*\[127\.85\.9\.9\]>: Client host rejected: not this network$"));
    }

    // With STARTTLS a client has two sessions with Postfix.
    [TestCase("proxy-v1 rate", "proxiedrate"), TestCase("xclient rate", "xclientrate")]
    [CancelAfter(60_000)]
    public async Task Connect_PostfixsOwnConnectionRateLimit_CountsEachClientsSessions(string handoff, string service, CancellationToken cancellationToken)
    {
        var (first, second) = (NextClient(), NextClient());
        await using (var client = await TlsSmtpClient.ConnectWithTlsAsync(_endPoints[$"{handoff}/smtp"], first, false, cancellationToken))
            Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
        await using (var client = await TlsSmtpClient.ConnectAsync(_endPoints[$"{handoff}/smtp"], first, cancellationToken))
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo($"421 4.7.0 mail.example.test Error: too many connections from {first}"));
        // The other one has two to begin with; the session behind its STARTTLS is the third.
        await using (var client = await TlsSmtpClient.ConnectWithTlsAsync(_endPoints[$"{handoff}/wrapper"], second, true, cancellationToken))
            Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
        await using (var client = await TlsSmtpClient.ConnectWithTlsAsync(_endPoints[$"{handoff}/smtp"], second, false, cancellationToken))
            Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken),
                Is.EqualTo($"421 4.7.0 mail.example.test Error: too many connections from {second}"));

        var log = Postfix.LogOf(service);
        foreach (var client in (string[])[first, second])
            await log.WaitForAsync(texts => texts.Any(text => text.Contains("Connection rate limit exceeded: "
                + $"3 from {NameOf(IPAddress.Parse(client))}[{client}] ", StringComparison.Ordinal)), client, cancellationToken);
    }

    [TestCase("send-proxy", "smtp"), TestCase("send-proxy-v2", "smtp"), TestCase("send-proxy", "wrapper"), TestCase("send-proxy-v2", "wrapper")]
    [CancelAfter(60_000)]
    public async Task Connect_ThroughHAProxyWithTls_ShieldCountsAndPostfixSeesTheClient(string option, string mode, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("haproxy");
        var (log, shieldLog, sender) = (Postfix.LogOf("proxied").FromHere(), Shield.Log.FromHere(), $"a{Interlocked.Increment(ref s_last)}@client.example");
        var (address, other) = (NextClient(), NextClient());
        await using var haproxy = await HAProxyInstance.StartAsync(_endPoints[$"haproxy/{mode}"], option + " check inter 50ms fall 1",
            mode == "smtp" ? "option smtpchk HELO check.example" : "", cancellationToken);
        await using var client = await TlsSmtpClient.ConnectWithTlsAsync(haproxy.EndPoint, address, mode == "wrapper", cancellationToken);
        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync($"MAIL FROM:<{sender}>", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("RCPT TO:<good@example.test>", cancellationToken), Does.StartWith("250"));

        await using (var second = await TlsSmtpClient.ConnectAsync(haproxy.EndPoint, address, cancellationToken))
        {
            if (mode == "wrapper")
                await second.HandshakeAsync(cancellationToken);
            Assert.That(await second.ReplyAsync(cancellationToken), Is.EqualTo($"421 4.7.0 mail.example.test Error: too many connections from {address}"));
        }
        await using (var third = await TlsSmtpClient.ConnectWithTlsAsync(haproxy.EndPoint, other, mode == "wrapper", cancellationToken))
            Assert.That(await third.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));

        Assert.That(_policy.RequestsOf(sender).Single()["client_address"], Is.EqualTo(address));
        Assert.That(_policy.RequestsOf(sender).Single()["client_port"], Is.EqualTo($"{client.LocalEndPoint.Port}"));
        await log.WaitForAsync(texts => texts.Any(text => text.EndsWith($"client={NameOf(IPAddress.Parse(address))}[{address}]", StringComparison.Ordinal)),
            "the client", cancellationToken);
        await shieldLog.WaitForAsync(texts => texts.Any(text => text.StartsWith($"disconnect from unknown[{address}] ", StringComparison.Ordinal)),
            "the end of the session", cancellationToken);
        Assert.That(shieldLog.Texts, Has.None.Contains("[127.0.0.1]"), "nothing is logged of checks");
    }

    private static string NextClient() => $"127.85.3.{Interlocked.Increment(ref s_last)}";

    // What the system says of an address, found as Postfix and the shield find it.
    private static string NameOf(IPAddress address)
    {
        try
        {
            return Dns.GetHostEntry(address).HostName is var name && name != address.ToString() ? name : "unknown";
        }
        catch (SocketException)
        {
            return "unknown";
        }
    }
}
