using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// What fail2ban and pflogsumm find of wrong passwords and of too many TLS sessions: the same in the shield's log as in that of a
/// Postfix with the shield's limits.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed partial class AuthenticationAndTlsLogTests
{
    private const string StartTlsScript = """
        import smtplib, ssl, sys
        context = ssl._create_unverified_context()
        for number in range(5):
            with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "client.example", timeout=30, source_address=("127.83.2.9", 0)) as server:
                server.ehlo()
                try:
                    code, text = server.starttls(context=context)
                    print("ok" if server.ehlo()[0] == 250 else "refused")
                except (smtplib.SMTPException, OSError):
                    print("refused")
        """;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private readonly SaslServer _sasl = new("good", "right");
    private PostfixInstance? _postfix;
    private ShieldProcess? _shield;
    private string _directory = "";
    private string[] _directTls = [];
    private string[] _shieldedTls = [];

    private MailLog PostfixLog => (_postfix ?? throw new InvalidOperationException("Postfix was not started")).LogOf("limited");

    private ShieldProcess Shield => _shield ?? throw new InvalidOperationException("The shield was not started");

    [OneTimeSetUp]
    public async Task MakeTraffic()
    {
        RealPostfix.Require();
        RealPostfix.RequireProgram("python3");
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _directory = Directory.CreateTempSubdirectory("smtpshield-tls-").FullName;
        var parameters = new Dictionary<string, string>(_sasl.Parameters)
        {
            ["smtpd_tls_security_level"] = "may",
            ["smtpd_tls_chain_files"] = await WriteCertificateAsync(cancellationToken),
        };
        var limits = new Dictionary<string, string> { ["smtpd_client_new_tls_session_rate_limit"] = "2" };
        _postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind"), new("limited", limits)], cancellationToken, parameters);
        _shield = await ShieldProcess.StartAsync(
            _postfix.EndPointOf("behind"), new Dictionary<string, string>(limits) { ["syslog_name"] = "postfix" }, cancellationToken);
        _directTls = await TrafficAsync(_postfix.EndPointOf("limited"), cancellationToken);
        _shieldedTls = await TrafficAsync(_shield.EndPoint, cancellationToken);
        await PostfixLog.WaitForQuietAsync(cancellationToken);
        await _shield.Log.WaitForQuietAsync(cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        if (_shield is not null)
            await _shield.DisposeAsync();
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        await _sasl.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Fail2ban_WrongPasswords_SameClients([Values("auth", "extra", "ddos", "aggressive")] string mode, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("fail2ban-regex");
        var expected = await FindAsync(_postfix!.LogPath, mode, cancellationToken);
        var actual = await FindAsync(Shield.LogPath, mode, cancellationToken);
        TestContext.Out.WriteLine(string.Join(' ', expected));
        Assert.That(actual, Is.EqualTo(expected).AsCollection);
        Assert.That(expected, Does.Contain("127.83.2.1").And.Contain("127.83.2.2").And.Not.Contain("127.83.2.3"));
    }

    /// <summary>Postfix refuses one session later, inside TLS, where the shield can't speak; then both refuse STARTTLS with the same line.</summary>
    [Test]
    public void StartTls_NewSessionRateLimit_RefusedWithSameLine()
    {
        const string line = "warning: Refusing STARTTLS request from unknown[127.83.2.9] for service smtp";
        Assert.Multiple(() =>
        {
            Assert.That(_directTls, Is.EqualTo(new[] { "ok", "ok", "refused", "refused", "refused" }).AsCollection);
            Assert.That(_shieldedTls, Is.EqualTo(_directTls).AsCollection);
            Assert.That(PostfixLog.Texts.Select(text => ServiceName().Replace(text, "for service smtp")), Does.Contain(line));
            Assert.That(Shield.Log.Texts.Where(text => text == line), Has.Exactly(3).Items);
        });
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Pflogsumm_Warnings_SameAsOfPostfix(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("pflogsumm");
        var direct = await WarningsAsync(_postfix!.LogPath, cancellationToken);
        var shielded = await WarningsAsync(Shield.LogPath, cancellationToken);
        TestContext.Out.WriteLine(string.Join('\n', direct.Append("-- of the shield").Concat(shielded)));
        // Without a counterpart are the refusal inside TLS and an exchange that the client has cancelled; and the shield logs no user names.
        Assert.That(shielded, Is.EquivalentTo(direct
            .Where(text => !text.Contains("New TLS session rate limit", StringComparison.Ordinal)
                && !text.EndsWith(" authentication aborted", StringComparison.Ordinal))
            .Select(text => text.Split(", sasl_username=")[0])
            .Distinct()));
        Assert.That(shielded, Has.Length.EqualTo(3));
    }

    private static async Task<string[]> TrafficAsync(IPEndPoint server, CancellationToken cancellationToken)
    {
        await SessionAsync("127.83.2.1", ["AUTH PLAIN " + Base64("\0good\0wrong"), "AUTH PLAIN " + Base64("\0nosuch\0right"), "QUIT"]);
        await SessionAsync("127.83.2.2", ["AUTH LOGIN", Base64("good"), Base64("wrong")]);
        await SessionAsync("127.83.2.3", ["AUTH PLAIN " + Base64("\0good\0right"), "QUIT"]);
        await SessionAsync("127.83.2.4", ["AUTH LOGIN", "*", "QUIT"]);
        var output = await OutsideProcess.RunSuccessfullyAsync("python3", ["-c", StartTlsScript, $"{server.Port}"], s_limit, cancellationToken);
        return output.TrimEnd().Split('\n');

        static string Base64(string text) => Convert.ToBase64String(Encoding.ASCII.GetBytes(text));

        async Task SessionAsync(string address, string[] commands)
        {
            await using var client = await RawSmtpClient.ConnectAsync(server, IPAddress.Parse(address), cancellationToken);
            await client.ReplyAsync(cancellationToken);
            foreach (var command in commands.Prepend("EHLO client.example"))
                await client.CommandAsync(command, cancellationToken);
        }
    }

    private async Task<string> WriteCertificateAsync(CancellationToken cancellationToken)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=" + PostfixInstance.HostName, key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        var file = Path.Combine(_directory, "chain.pem");
        await File.WriteAllTextAsync(file, key.ExportPkcs8PrivateKeyPem() + "\n" + certificate.ExportCertificatePem() + "\n", cancellationToken);
        return file;
    }

    // Of both logs only the lines of the service with the limits, as of an smtpd on port 25.
    private async Task<string> CopyAsync(string log, CancellationToken cancellationToken)
    {
        var file = Path.Combine(_directory, Path.GetRandomFileName());
        var lines = (await File.ReadAllLinesAsync(log, cancellationToken))
            .Select(line => line.Replace(" postfix/limited/smtpd[", " postfix/smtpd[", StringComparison.Ordinal))
            .Where(line => line.Contains(" postfix/smtpd[", StringComparison.Ordinal))
            .Select(line => ServiceName().Replace(line, "for service smtp"));
        await File.WriteAllLinesAsync(file, lines, cancellationToken);
        return file;
    }

    private async Task<string[]> FindAsync(string log, string mode, CancellationToken cancellationToken)
    {
        var output = await OutsideProcess.RunSuccessfullyAsync(
            "fail2ban-regex", ["--usedns", "no", "-o", "ip", await CopyAsync(log, cancellationToken), $"postfix[mode={mode}]"], s_limit, cancellationToken);
        return [.. output.Split('\n').Where(line => IPAddress.TryParse(line, out _))];
    }

    private async Task<string[]> WarningsAsync(string log, CancellationToken cancellationToken)
    {
        var output = await OutsideProcess.RunSuccessfullyAsync("pflogsumm", ["--verbose-msg-detail", await CopyAsync(log, cancellationToken)],
            s_limit, cancellationToken);
        return [.. WarningsSection().Match(output).Value.Split('\n').Select(line => line.Trim()).Where(line => WarningLine().IsMatch(line))
            .Select(line => Count().Replace(line, ""))];
    }

    [GeneratedRegex(@"for service \S+$")]
    private static partial Regex ServiceName();

    [GeneratedRegex(@"^Warnings\n.*?(?=^Fatal Errors)", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex WarningsSection();

    [GeneratedRegex(@"^\d+ +\S")]
    private static partial Regex WarningLine();

    [GeneratedRegex(@"^\d+ +")]
    private static partial Regex Count();
}
