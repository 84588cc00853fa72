using System.Globalization;
using System.Text;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// Senders that others wrote, through TLS that the shield ends, passes on, or has from the first octet on: each logs in where it can, checks the certificate,
/// and its message arrives as it was sent.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class TlsSenderTests
{
    private const string SmtplibScript = """
        import smtplib, ssl, sys
        port, to, file, authority, mode = sys.argv[1:]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(authority)
        class Wrapped(smtplib.SMTP_SSL):
            # Connects to an address, expects a name.
            def _get_socket(self, host, port, timeout):
                return context.wrap_socket(smtplib.SMTP._get_socket(self, host, port, timeout), server_hostname="mail.example.test")
        server = Wrapped("127.0.0.1", int(port), "client.example", timeout=60, context=context) if mode == "wrapper" else smtplib.SMTP("127.0.0.1", int(port), "client.example", timeout=60)
        if mode != "wrapper":
            server._host = "mail.example.test"
            server.starttls(context=context)
        server.login("good", "right")
        assert server.sendmail("a@client.example", [to + "@example.test"], open(file, "rb").read()) == {}
        server.quit()
        """;

    private const string NodemailerScript = """
        const [modules, port, to, file, authority, mode] = process.argv.slice(1);
        const nodemailer = require(modules + "/nodemailer");
        const fs = require("fs");
        const transport = nodemailer.createTransport({
            host: "127.0.0.1", port: Number(port), name: "client.example", secure: mode === "wrapper", requireTLS: true,
            tls: { ca: fs.readFileSync(authority), servername: "mail.example.test" }, auth: { user: "good", pass: "right" } });
        transport.sendMail({ envelope: { from: "a@client.example", to: [to + "@example.test"] }, raw: fs.readFileSync(file) })
            .then(() => transport.close(), error => { console.error(error); process.exit(1); });
        """;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly string[] s_senders = ["swaks", "smtplib", "nodemailer", "openssl", "postfix"];
    private static readonly string s_message =
        "From: <a@client.example>\r\nSubject: hello\r\nDate: Sat, 1 Aug 2026 12:00:00 +0000\r\nMessage-Id: <1@client.example>\r\nTo: "
            + "<b@example.test>\r\n\r\n\u00e4\u00f6\u00fc\r\n..x\r\n.\r\n"
        + string.Concat(Enumerable.Range(0, 3000)
            .Select(number => (number % 5 == 0 ? "." : "") + new string((char)('a' + number % 26), number % 200) + "\r\n"));

    private static int s_box;
    private TlsServers? _servers;
    private PostfixInstance? _sender;

    private static IEnumerable<TestCaseData> Deliveries =>
        from sender in s_senders from mode in TlsServers.Modes select new TestCaseData(sender, mode);

    private TlsServers Servers => _servers ?? throw new InvalidOperationException("The servers were not started");

    private string MessageFile => Path.Combine(Servers.FilesDirectory, "message");

    [OneTimeSetUp]
    public async Task StartServers()
    {
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _servers = await TlsServers.StartAsync(cancellationToken);
        await File.WriteAllTextAsync(MessageFile, s_message, cancellationToken);
        // A Postfix that sends: for each mode a service that gives all it takes to the shield.
        _sender = await PostfixInstance.StartAsync(
            TlsServers.Modes.Select(mode => PostfixService.WithoutLimits(mode, new Dictionary<string, string>
            {
                ["content_filter"] = $"{(mode == "wrapper" ? "smtps" : "smtp")}:[127.0.0.1]:{_servers.EndPointOf(mode).Port}",
            })),
            cancellationToken,
            new Dictionary<string, string>
            {
                ["myhostname"] = "client.example",
                ["smtp_tls_security_level"] = "secure",
                ["smtp_tls_CAfile"] = _servers.AuthorityFile,
                ["smtp_tls_secure_cert_match"] = PostfixInstance.HostName,
                ["smtp_tls_loglevel"] = "1",
            });
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        if (_sender is not null)
            await _sender.DisposeAsync();
        if (_servers is not null)
            await _servers.DisposeAsync();
    }

    [TestCaseSource(nameof(Deliveries))]
    [CancelAfter(120_000)]
    public async Task Send_WithTls_ArrivesAsItWasSent(string sender, string mode, CancellationToken cancellationToken)
    {
        var log = Servers.Shield.Log.FromHere();
        var to = $"box{Interlocked.Increment(ref s_box)}";
        await SendAsync(sender, mode, to, cancellationToken);

        var path = (await Servers.Postfix.WaitForMessagesAsync(to, 1, s_limit, cancellationToken)).Single();
        var stored = Encoding.UTF8.GetString(await StoredMessage.ReadAsync(path, cancellationToken));
        Assert.That(stored, Is.EqualTo(s_message.Replace("\r\n", "\n", StringComparison.Ordinal)));
        await log.WaitForAsync(texts => texts.Any(text => text.StartsWith("disconnect from ", StringComparison.Ordinal)),
            "the end of the session", cancellationToken);
        Assert.That(log.Texts.Any(text => text.StartsWith("Anonymous TLS connection established from ", StringComparison.Ordinal)),
            Is.EqualTo(mode != "passthrough"), string.Join('\n', log.Texts));
        if (sender is not ("openssl" or "postfix"))
            Assert.That(log.Texts.Single(text => text.StartsWith("disconnect from ", StringComparison.Ordinal)).Contains(" auth=1 ", StringComparison.Ordinal),
                Is.EqualTo(mode != "passthrough"));
    }

    private async Task SendAsync(string sender, string mode, string to, CancellationToken cancellationToken)
    {
        var server = Servers.EndPointOf(mode);
        string[] arguments = [server.Port.ToString(CultureInfo.InvariantCulture), to, MessageFile, Servers.AuthorityFile, mode];
        switch (sender)
        {
            case "swaks":
                RealPostfix.RequireProgram("swaks");
                if ((await OutsideProcess.RunAsync("perl", ["-MNet::SSLeay", "-e1"], s_limit, cancellationToken)).ExitCode != 0)
                    Assert.Ignore("Net::SSLeay is not installed, without which swaks has no TLS (tests/run installs it when it runs as root)");
                // swaks ends lines with CR LF itself, the last one too.
                var file = MessageFile + ".lf";
                await File.WriteAllTextAsync(file, s_message.Replace("\r\n", "\n", StringComparison.Ordinal)[..^1], cancellationToken);
                await OutsideProcess.RunSuccessfullyAsync(
                    "swaks",
                    [
                        "--server", server.ToString(), mode == "wrapper" ? "--tls-on-connect" : "--tls", "--tls-verify", "--tls-ca-path", Servers.AuthorityFile,
                        "--auth", "LOGIN", "--auth-user", "good", "--auth-password", "right",
                        "--helo", "client.example", "--from", "a@client.example", "--to", $"{to}@example.test", "--data", "@" + file, "--suppress-data",
                    ],
                    s_limit,
                    cancellationToken);
                break;
            case "smtplib":
                RealPostfix.RequireProgram("python3");
                await OutsideProcess.RunSuccessfullyAsync("python3", ["-c", SmtplibScript, .. arguments], s_limit, cancellationToken);
                break;
            case "nodemailer":
                var modules = await Nodemailer.RequireAsync(cancellationToken);
                await OutsideProcess.RunSuccessfullyAsync("node", ["-e", NodemailerScript, modules, .. arguments], s_limit, cancellationToken);
                break;
            case "openssl":
                RealPostfix.RequireProgram("openssl");
                await using (var client = await OpenSslSmtpClient.ConnectAsync(server, mode == "wrapper", false, cancellationToken, "-verify_return_error",
                    "-CAfile", Servers.AuthorityFile, "-verify_hostname", PostfixInstance.HostName))
                {
                    Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
                    Assert.That(await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("250"));
                    Assert.That(await client.CommandAsync($"RCPT TO:<{to}@example.test>", cancellationToken), Does.StartWith("250"));
                    Assert.That(await client.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
                    var escaped = string.Concat(s_message.Split("\r\n")[..^1].Select(line => (line.StartsWith('.') ? "." : "") + line + "\n"));
                    Assert.That(await client.CommandAsync(escaped + ".", cancellationToken), Does.StartWith("250 2.0.0 Ok: queued"));
                    Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
                }
                break;
            default:
                await using (var client = await Testing.Smtp.RawSmtpClient.ConnectAsync(
                    _sender!.EndPointOf(mode), System.Net.IPAddress.Loopback, cancellationToken))
                {
                    await client.ReplyAsync(cancellationToken);
                    await client.CommandAsync("EHLO client.example", cancellationToken);
                    await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken);
                    Assert.That(await client.CommandAsync($"RCPT TO:<{to}@example.test>", cancellationToken), Does.StartWith("250"));
                    Assert.That(await client.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
                    var escaped = string.Concat(s_message.Split("\r\n")[..^1].Select(line => (line.StartsWith('.') ? "." : "") + line + "\r\n"));
                    await client.SendAsync(Encoding.UTF8.GetBytes(escaped + ".\r\n"), cancellationToken);
                    Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("250 2.0.0 Ok: queued"));
                    await client.CommandAsync("QUIT", cancellationToken);
                }
                break;
        }
    }
}
