using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;
using SmtpShield.Testing.Tls;

namespace SmtpShield.PostfixTests;

/// <summary>
/// A real Postfix behind the shield knows its clients, by PROXY header and by XCLIENT, in clear and in TLS: its log, its own limits
/// and its access tables see them.
/// </summary>
[Property("Hazard", "ID-11")]
[Parallelizable(ParallelScope.Self)]
public sealed class HandoffTests
{
    private const string Blocked = "127.84.0.66";
    private const string Deferred = "127.84.0.45";
    private static int s_lastClient;
    private PostfixInstance? _postfix;
    private string _directory = "";

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    private string Authority => Path.Combine(_directory, "authority.pem");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _directory = Directory.CreateTempSubdirectory("smtpshield-handoff-").FullName;
        var authority = TestCertificate.Make("authority.example.test");
        await File.WriteAllTextAsync(Authority, authority.CertificatePem, cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_directory, "other.pem"), TestCertificate.Make("other.example.test").CertificatePem, cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_directory, "chain.pem"), authority.Issue(PostfixInstance.HostName).Chain, cancellationToken);
        var tls = new Dictionary<string, string> { ["smtpd_tls_chain_files"] = Path.Combine(_directory, "chain.pem") };
        var access = new Dictionary<string, string>
        {
            ["smtpd_delay_reject"] = "no",
            ["smtpd_client_restrictions"] = $"check_client_access inline:{{ {{ {Blocked} = 554 5.7.1 not you }} {{ {Deferred} = 450 4.7.1 not now }} }}",
        };
        var proxied = new Dictionary<string, string> { ["smtpd_upstream_proxy_protocol"] = "haproxy" };
        var authorized = new Dictionary<string, string> { ["smtpd_authorized_xclient_hosts"] = "127.0.0.1" };
        var counting = new Dictionary<string, string> { ["smtpd_client_connection_count_limit"] = "1", ["smtpd_client_event_limit_exceptions"] = "" };
        _postfix = await PostfixInstance.StartAsync(
            [
                PostfixService.WithoutLimits("plain"),
                PostfixService.WithoutLimits("proxied", With(proxied, access)),
                new("proxiedcount", With(proxied, counting)),
                PostfixService.WithoutLimits("xclient", With(authorized, access)),
                new("xclientcount", With(authorized, counting)),
                PostfixService.WithoutLimits("starttls", With(tls, new() { ["smtpd_tls_security_level"] = "encrypt" })),
                PostfixService.WithoutLimits("xclienttls", With(tls, authorized, new() { ["smtpd_tls_security_level"] = "encrypt" })),
                PostfixService.WithoutLimits("wrapped",
                    With(tls, proxied, new() { ["smtpd_tls_wrappermode"] = "yes", ["smtpd_tls_security_level"] = "encrypt" })),
            ],
            cancellationToken,
            new Dictionary<string, string> { ["smtpd_client_port_logging"] = "yes", ["smtpd_tls_loglevel"] = "1" });
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [TestCase("proxied", "proxy-v1", "none")]
    [TestCase("proxied", "proxy-v2", "none")]
    [TestCase("xclient", "xclient", "none")]
    [TestCase("xclienttls", "xclient", "encrypt")]
    [TestCase("xclienttls", "xclient", "verify")]
    [TestCase("wrapped", "proxy-v1", "wrapped")]
    [TestCase("wrapped", "proxy-v2", "wrapped")]
    [CancelAfter(60_000)]
    public async Task Session_WithHandoff_PostfixLogsTheClientItsPortAndItsHelo(string service, string handoff, string tls, CancellationToken cancellationToken)
    {
        var log = Postfix.LogOf(service).FromHere();
        await using var shield = await StartAsync(service, handoff, tls, cancellationToken);
        await using var client = await ConnectAsync(shield, NextClient(), cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 mail.example.test ESMTP"));
        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250-mail.example.test").And.Not.Contains("XCLIENT"));
        Assert.That(await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("RCPT TO:<x@elsewhere.example>", cancellationToken),
            Does.StartWith("554 5.7.1 <x@elsewhere.example>: Relay access denied"));
        Assert.That(await client.CommandAsync("RCPT TO:<good@example.test>", cancellationToken), Does.StartWith("250"));
        Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));

        var (address, port) = (client.LocalEndPoint.Address, client.LocalEndPoint.Port);
        await log.WaitForAsync(texts => texts.Any(text => text.StartsWith("disconnect from ", StringComparison.Ordinal)), "a disconnect", cancellationToken);
        var name = service.StartsWith("xclient", StringComparison.Ordinal) ? NameOf(address) : "unknown";
        Assert.That(log.Texts, Has.Some.Contains($"reject: RCPT from {name}[{address}]:{port}: 554 5.7.1 <x@elsewhere.example>: Relay access denied; "
            + "from=<a@client.example> to=<x@elsewhere.example> proto=ESMTP helo=<client.example>"));
        Assert.That(log.Texts, Has.Some.EndsWith($"client={name}[{address}]:{port}"));
        Assert.That(log.Texts, Has.Some.StartsWith($"disconnect from {name}[{address}]:{port} "));
        Assert.That(log.Texts.Count(text => text.Contains("TLS connection established", StringComparison.Ordinal)), Is.EqualTo(tls == "none" ? 0 : 1));
        await shield.StopAsync(cancellationToken);
    }

    [TestCase("proxied", "proxy-v1"), TestCase("proxied", "proxy-v2"), TestCase("xclient", "xclient")]
    [CancelAfter(60_000)]
    [Property("Hazard", "ID-12")]
    public async Task Connect_ClientInPostfixsAccessTable_ItsRefusalIsTheGreeting(string service, string handoff, CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(service, handoff, "none", cancellationToken);
        await using var blocked = await ConnectAsync(shield, Blocked, cancellationToken);
        await using var deferred = await ConnectAsync(shield, Deferred, cancellationToken);
        await using var other = await ConnectAsync(shield, NextClient(), cancellationToken);

        Assert.That(await blocked.ReplyAsync(cancellationToken), Does.Match($@"^554 5\.7\.1 <.*\[{Blocked}\]:\d+>: Client host rejected: not you$"));
        Assert.That(await deferred.ReplyAsync(cancellationToken), Does.Match($@"^450 4\.7\.1 <.*\[{Deferred}\]:\d+>: Client host rejected: not now$"));
        Assert.That(await other.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        Assert.That(shield.AllLines, Does.Not.Contain("connect to upstream"));
    }

    // The name is the shield's finding: this Postfix looks up none.
    [Test, CancelAfter(60_000)]
    [Property("Hazard", "ID-12")]
    public async Task Session_VerifiedName_IsPostfixsToo(CancellationToken cancellationToken)
    {
        if (NameOf(IPAddress.Loopback) == "unknown")
            Assert.Ignore("127.0.0.1 has no name here");
        var log = Postfix.LogOf("xclient").FromHere();
        await using var shield = await StartAsync("xclient", "xclient", "none", cancellationToken);
        await using var client = await ConnectAsync(shield, "127.0.0.1", cancellationToken);
        await client.ReplyAsync(cancellationToken);

        // To Postfix this client may say XCLIENT itself. Through the shield nobody may.
        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.Not.Contain("XCLIENT"));
        Assert.That(await client.CommandAsync("XCLIENT NAME=x ADDR=192.0.2.1", cancellationToken), Does.StartWith("550 5.7.0"));
        Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
        await log.WaitForAsync(
            texts => texts.Any(text => text.StartsWith($"disconnect from {NameOf(IPAddress.Loopback)}[127.0.0.1]:{client.LocalEndPoint.Port} ",
                StringComparison.Ordinal)), "a disconnect with the name", cancellationToken);
    }

    [TestCase("proxiedcount", "proxy-v2"), TestCase("xclientcount", "xclient")]
    [CancelAfter(60_000)]
    public async Task Connect_PostfixsOwnConnectionCountLimit_SeesEachClient(string service, string handoff, CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(service, handoff, "none", cancellationToken);
        await using var first = await ConnectAsync(shield, NextClient(), cancellationToken);
        Assert.That(await first.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        await using var other = await ConnectAsync(shield, NextClient(), cancellationToken);
        Assert.That(await other.ReplyAsync(cancellationToken), Does.StartWith("220 "));

        await using var second = await ConnectAsync(shield, $"{first.LocalEndPoint.Address}", cancellationToken);

        Assert.That(await second.ReplyAsync(cancellationToken),
            Is.EqualTo($"421 4.7.0 mail.example.test Error: too many connections from {first.LocalEndPoint.Address}"));
    }

    [Test, CancelAfter(60_000)]
    [Property("Hazard", "ID-12")]
    public async Task Connect_XclientNotAuthorized_421AndTheLogSaysWhy(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync("plain", "xclient", "none", cancellationToken);
        await using var client = await ConnectAsync(shield, NextClient(), cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("421 4.3.0 mail.example.test Error: mail server unavailable"));
        await Eventually.HoldsAsync(
            () => shield.AllLines.Contains($"connect to upstream {Postfix.EndPointOf("plain")}: does not offer XCLIENT (smtpd_authorized_xclient_hosts) (for ",
                StringComparison.Ordinal), TimeSpan.FromSeconds(10), "the log line", cancellationToken);
    }

    [TestCase("encrypt", "", "", true)]
    [TestCase("verify", "authority.pem", "mail.example.test", true)]
    [TestCase("verify", "authority.pem", "", false)]
    [TestCase("verify", "authority.pem", "other.example.test", false)]
    [TestCase("verify", "other.pem", "mail.example.test", false)]
    [TestCase("verify", "", "mail.example.test", false)]
    [CancelAfter(60_000)]
    [Property("Hazard", "TLS-16")]
    public async Task Connect_StartTlsWithPostfix_ServesOnlyIfTheCertificateIsWhatItShouldBe(
        string level, string authorities, string name, bool isServed, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("starttls"),
            new Dictionary<string, string>
            {
                ["shield_upstream_tls_security_level"] = level,
                ["shield_upstream_tls_CAfile"] = authorities.Length > 0 ? Path.Combine(_directory, authorities) : "",
                ["shield_upstream_tls_name"] = name,
            },
            cancellationToken);
        await using var client = await ConnectAsync(shield, NextClient(), cancellationToken);

        var greeting = await client.ReplyAsync(cancellationToken);

        Assert.That(greeting, isServed ? Does.StartWith("220 mail.example.test") : Is.EqualTo("421 4.3.0 mail.example.test Error: mail server unavailable"));
        if (isServed)
        {
            // Behind the shield's own EHLO and STARTTLS the session is as new: the client's comes first.
            Assert.That(await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("250"));
            Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.Contain("250-SIZE").And.Not.Contains("STARTTLS"));
        }
        else
        {
            await Eventually.HoldsAsync(() => shield.AllLines.Contains(": Server certificate not verified (for ", StringComparison.Ordinal),
                TimeSpan.FromSeconds(10), "the log line", cancellationToken);
        }
    }

    // In clear Postfix takes no MAIL there: none of the client's may be in clear.
    [Test, CancelAfter(60_000)]
    [Property("Hazard", "TLS-16")]
    public async Task Connect_MayAndPostfixOffersStartTls_IsInTls(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("starttls"), new Dictionary<string, string> { ["shield_upstream_tls_security_level"] = "may" }, cancellationToken);
        await using var client = await ConnectAsync(shield, NextClient(), cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await client.CommandAsync("EHLO client.example", cancellationToken);

        Assert.That(await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("250 2.1.0 Ok"));
    }

    private static Dictionary<string, string> With(params Dictionary<string, string>[] parts) =>
        parts.SelectMany(part => part).ToDictionary(part => part.Key, part => part.Value);

    private static string NextClient() => $"127.84.1.{Interlocked.Increment(ref s_lastClient)}";

    private static Task<RawSmtpClient> ConnectAsync(ShieldProcess shield, string from, CancellationToken cancellationToken) =>
        RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Parse(from), cancellationToken);

    // What the system says of a loopback address that nobody has named.
    private static string NameOf(IPAddress address)
    {
        try
        {
            return Dns.GetHostEntry(address).HostName is var name && name != address.ToString() ? name : "unknown";
        }
        catch (System.Net.Sockets.SocketException)
        {
            return "unknown";
        }
    }

    private Task<ShieldProcess> StartAsync(string service, string handoff, string tls, CancellationToken cancellationToken) => ShieldProcess.StartAsync(
        Postfix.EndPointOf(service),
        new Dictionary<string, string>
        {
            ["shield_client_handoff"] = handoff,
            ["shield_upstream_tls_security_level"] = tls is "wrapped" ? "verify" : tls,
            ["shield_upstream_tls_wrappermode"] = tls is "wrapped" ? "yes" : "no",
            ["shield_upstream_tls_CAfile"] = Authority,
            ["shield_upstream_tls_name"] = PostfixInstance.HostName,
            // What Postfix logs is the client's session, and nothing else.
            ["shield_upstream_probe_interval"] = "0",
        },
        cancellationToken);
}
