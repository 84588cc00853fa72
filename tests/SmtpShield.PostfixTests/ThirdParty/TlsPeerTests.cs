using System.Security.Cryptography;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// Other implementations of TLS clients, <c>openssl s_client</c> and <c>posttls-finger</c>, before a shield that ends TLS, with a Postfix behind it.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class TlsPeerTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private TlsServers? _servers;

    private TlsServers Servers => _servers ?? throw new InvalidOperationException("The servers were not started");

    [OneTimeSetUp]
    public async Task StartServers() => _servers = await TlsServers.StartAsync(TestContext.CurrentContext.CancellationToken);

    [OneTimeTearDown]
    public async Task StopServers()
    {
        if (_servers is not null)
            await _servers.DisposeAsync();
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task OpenSsl_EachVersion_TalksToPostfix(
        [Values("terminate", "encrypt", "wrapper")] string mode, [Values("-tls1_2", "-tls1_3")] string version, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("openssl");
        await using var client = await ConnectAsync(mode, cancellationToken, version, "-verify_hostname", PostfixInstance.HostName);

        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250 "));
        Assert.That(await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Is.EqualTo("250 2.1.0 Ok"));
        Assert.That(await client.CommandAsync("RCPT TO:<x@elsewhere.example>", cancellationToken), Does.StartWith("554 5.7.1 "));
        Assert.That(await client.CommandAsync("QUIT", cancellationToken), Is.EqualTo("221 2.0.0 Bye"));
        await client.WaitForExitAsync(cancellationToken);

        Assert.That(client.Output,
            Does.Contain(version == "-tls1_2" ? "New, TLSv1.2, Cipher is " : "New, TLSv1.3, Cipher is ").And.Contain("Verify return code: 0 (ok)"));
        // Without close_notify openssl 3 says: unexpected eof while reading.
        Assert.That(client.Output, Does.Not.Contain("error:"));
        // Behind TLS none is offered, whatever Postfix has to offer to the shield.
        var offered = client.Output[client.Output.IndexOf("Verify return code", StringComparison.Ordinal)..];
        Assert.That(offered, Does.Not.Contain("STARTTLS"));
    }

    [TestCase("-servername mail.example.test", "mail.example.test")]
    [TestCase("-servername other.example.test", "other.example.test")]
    [TestCase("-servername OTHER.example.test", "other.example.test")]
    [TestCase("-servername unknown.example.test", "mail.example.test")]
    [TestCase("-noservername", "mail.example.test")]
    [CancelAfter(60_000)]
    public async Task OpenSsl_ServerName_GetsItsCertificate(string arguments, string name, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("openssl");
        foreach (var mode in (string[])["terminate", "wrapper"])
        {
            await using var client = await ConnectAsync(mode, cancellationToken, [.. arguments.Split(' '), "-verify_hostname", name]);
            Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
            await client.WaitForExitAsync(cancellationToken);
            Assert.That(client.Output, Does.Contain($"subject=CN = {name}").And.Contain("Verify return code: 0 (ok)"));
        }
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task OpenSsl_SessionOfBefore_IsResumed(
        [Values("terminate", "wrapper")] string mode, [Values("-tls1_2", "-tls1_3")] string version, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("openssl");
        var session = Path.Combine(Servers.FilesDirectory, $"session{mode}{version}");
        foreach (var (argument, kind) in ((string, string)[])[("-sess_out", "New, "), ("-sess_in", "Reused, "), ("-sess_in", "Reused, ")])
        {
            await using var client = await ConnectAsync(mode, cancellationToken, version, argument, session);
            Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250 "));
            Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
            await client.WaitForExitAsync(cancellationToken);
            Assert.That(client.Output, Does.Contain(kind));
        }
    }

    // Five more connections, each with the session of the one before.
    [TestCase("terminate"), TestCase("wrapper")]
    [CancelAfter(60_000)]
    public async Task OpenSsl_Reconnect_ResumesFiveTimes(string mode, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("openssl");
        await using var client = await ConnectAsync(mode, cancellationToken, "-tls1_2", "-reconnect");
        await Eventually.HoldsAsync(() => client.Output.Split("Reused, TLSv1.2").Length == 6 || client.HasExited, s_limit,
            "five reconnections", cancellationToken);
        Assert.That(client.Output.Split("Reused, TLSv1.2"), Has.Length.EqualTo(6), client.Output);
    }

    [TestCase("-alpn smtp", "ALPN protocol: smtp"), TestCase("-alpn h2,smtp", "ALPN protocol: smtp"), TestCase("-alpn h2", "alert no application protocol")]
    [CancelAfter(60_000)]
    public async Task OpenSsl_OfferedProtocols_SmtpOrNothing(string arguments, string said, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("openssl");
        foreach (var mode in (string[])["terminate", "wrapper"])
        {
            await using var client = await ConnectAsync(mode, cancellationToken, arguments.Split(' '));
            await client.CommandAsync("QUIT", cancellationToken);
            await client.WaitForExitAsync(cancellationToken);
            Assert.That(client.Output, Does.Contain(said));
        }
    }

    [TestCase("terminate"), TestCase("wrapper")]
    [CancelAfter(60_000)]
    public async Task OpenSsl_Renegotiation_EndsTheConnection(string mode, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("openssl");
        await using var client = await OpenSslSmtpClient.ConnectAsync(Servers.EndPointOf(mode), mode == "wrapper", true, cancellationToken, "-tls1_2");
        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250 "));
        // To s_client a line of R is an order.
        Assert.That(await client.CommandAsync("R", cancellationToken), Is.Empty);
        await client.WaitForExitAsync(cancellationToken);
        Assert.That(client.Output, Does.Contain("RENEGOTIATING"));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task PosttlsFinger_EachLevel_SaysWhatTheConnectionIs(
        [Values("terminate", "encrypt", "passthrough", "wrapper")] string mode, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("posttls-finger");
        using var certificate = Servers.Certificate.Certificate;
        var print = string.Join(':', Convert.ToHexString(certificate.GetCertHash(HashAlgorithmName.SHA256)).Chunk(2).Select(pair => new string(pair)));
        foreach (var (level, expected) in ((string[], string)[])
        [
            (["-l", "encrypt"], "Untrusted TLS connection established to 127.0.0.1"),
            (["-l", "verify", "-F", Servers.AuthorityFile], "Verified TLS connection established to 127.0.0.1"),
            (["-l", "fingerprint", "-d", "sha256"], "Verified TLS connection established to 127.0.0.1"),
            // Twice: the second connection has the session of the first.
            (["-l", "verify", "-F", Servers.AuthorityFile, "-r", "1", "-m", "2"], "Reusing old session"),
        ])
        {
            string[] match = level[1] switch { "verify" => [PostfixInstance.HostName], "fingerprint" => [print], _ => [] };
            string[] arguments =
            [
                $"MAIL_CONFIG={Servers.Postfix.ConfigurationDirectory}", "posttls-finger", "-L", "summary", .. mode == "wrapper" ? (string[])["-w"] : [],
                .. level, $"[127.0.0.1]:{Servers.EndPointOf(mode).Port}", .. match,
            ];
            var output = await OutsideProcess.RunSuccessfullyAsync("env", arguments, s_limit, cancellationToken);
            Assert.That(output, Does.Contain(expected).And.Contain("TLSv1.3").And.Contain("221 2.0.0 Bye"));
        }
    }

    private Task<OpenSslSmtpClient> ConnectAsync(string mode, CancellationToken cancellationToken, params string[] arguments) =>
        OpenSslSmtpClient.ConnectAsync(Servers.EndPointOf(mode), mode == "wrapper", false, cancellationToken, ["-CAfile", Servers.AuthorityFile, .. arguments]);
}
