using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// nmap(1)'s SMTP scripts find the same through the shield as with a Postfix that has the shield's limits itself, and the shield outlives them.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed partial class NmapTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly string[] s_users =
    [
        "good", "nosuch1", "other", "nosuch2", "nosuch3", "nosuch4", "nosuch5", "nosuch6", "nosuch7", "nosuch8", "nosuch9", "third",
    ];
    private static readonly string[] s_passwords = ["wrong1", "wrong2", "wrong3", "wrong4", "wrong5", "right", "wrong6"];

    private static readonly Dictionary<string, string> s_free = new()
    {
        ["smtpd_client_connection_rate_limit"] = "0",
        ["smtpd_hard_error_limit"] = "1000",
        ["smtpd_soft_error_limit"] = "1000",
    };
    private static readonly Dictionary<string, string> s_errors = new() { ["smtpd_hard_error_limit"] = "4", ["smtpd_error_sleep_time"] = "0" };
    private static readonly Dictionary<string, string> s_auth = new() { ["smtpd_client_auth_rate_limit"] = "3", ["smtpd_error_sleep_time"] = "0" };

    private readonly SaslServer _sasl = new("good", "right");
    private readonly Dictionary<string, ShieldProcess> _shields = [];
    private PostfixInstance? _postfix;
    private string _directory = "";

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    private static IEnumerable<TestCaseData> Scripts => new[]
    {
        Script("smtp-commands", "PIPELINING"),
        Script("smtp-open-relay", "doesn't seem to be an open relay"),
        Script("smtp-enum-users", "good", "smtp-enum-users.methods={RCPT}"),
        Script("smtp-enum-users", "Couldn't find any accounts", "smtp-enum-users.methods={VRFY}"),
        Script("smtp-enum-users", "Method EXPN returned a unhandled status code", "smtp-enum-users.methods={EXPN}"),
        Script("smtp-ntlm-info", ""),
        Script("smtp-vuln-cve2010-4344", "NOT VULNERABLE"),
        Script("smtp-vuln-cve2011-1720", ""),
        Script("smtp-vuln-cve2011-1764", ""),
        Script("smtp-brute", "good:right - Valid credentials", "smtp-brute.auth=PLAIN"),
        Script("smtp-brute", "good:right - Valid credentials", "smtp-brute.auth=LOGIN"),
    };

    [OneTimeSetUp]
    public async Task StartServers()
    {
        RealPostfix.Require();
        RealPostfix.RequireProgram("nmap");
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _directory = Directory.CreateTempSubdirectory("smtpshield-nmap-").FullName;
        await File.WriteAllLinesAsync(Path.Combine(_directory, "users"), s_users, cancellationToken);
        await File.WriteAllLinesAsync(Path.Combine(_directory, "user"), ["good"], cancellationToken);
        await File.WriteAllLinesAsync(Path.Combine(_directory, "passwords"), s_passwords, cancellationToken);
        _postfix = await PostfixInstance.StartAsync(
            [PostfixService.WithoutLimits("behind"), new("free", s_free), new("errors", s_errors), new("auth", s_auth)], cancellationToken, _sasl.Parameters);
        foreach (var (name, limits) in new[] { ("free", s_free), ("errors", s_errors), ("auth", s_auth) })
            _shields[name] = await ShieldProcess.StartAsync(_postfix.EndPointOf("behind"), limits, cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        foreach (var shield in _shields.Values)
            await shield.DisposeAsync();
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        await _sasl.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [TestCaseSource(nameof(Scripts))]
    [CancelAfter(120_000)]
    public async Task Script_NoLimitReached_SameFindings(string script, string arguments, string finding, CancellationToken cancellationToken)
    {
        var (direct, shielded) = await FindAsync("free", script, arguments, cancellationToken);
        Assert.That(shielded, Is.EqualTo(direct));
        Assert.That(direct, Does.Contain(finding));
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task EnumUsers_HardErrorLimit_SessionsEndAsWithPostfix(CancellationToken cancellationToken)
    {
        var (direct, shielded) = await FindAsync("errors", "smtp-enum-users", "smtp-enum-users.methods={RCPT}", cancellationToken);
        Assert.That(Closed(shielded), Is.EqualTo(Closed(direct)));
        Assert.That(shielded, Does.Not.Contain("third"));
        Assert.That(_shields["errors"].Log.Texts, Has.Some.StartsWith("too many errors after RCPT from unknown[127.0.0.1]"));
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task Brute_AuthRateLimit_PasswordNotFound(CancellationToken cancellationToken)
    {
        var (direct, shielded) = await FindAsync("auth", "smtp-brute", "smtp-brute.auth=PLAIN", cancellationToken);
        Assert.That(direct, Does.Not.Contain("Valid credentials"));
        Assert.That(shielded, Does.Not.Contain("Valid credentials"));
        Assert.That(_shields["auth"].Log.Texts, Has.Some.StartsWith("warning: AUTH command rate limit exceeded: 4 from unknown[127.0.0.1] for service smtp"));
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task ServiceDetection_Shield_SmtpAsPostfix(CancellationToken cancellationToken)
    {
        var direct = await RunAsync(Postfix.EndPointOf("free"), ["-sV", "--version-all", "--script", "smtp-strangeport"], cancellationToken);
        var shielded = await RunAsync(_shields["free"].EndPoint, ["-sV", "--version-all", "--script", "smtp-strangeport"], cancellationToken);
        Assert.That(shielded, Is.EqualTo(direct));
        Assert.That(shielded, Does.Contain("open  smtp    Postfix smtpd").And.Contain("smtp-strangeport: Mail server on unusual port"));
        await EndedAsync(_shields["free"], cancellationToken);
    }

    // How a closed connection looks to nmap: by FIN or, when its next command came before it read that, by RST.
    private static string Closed(string findings) =>
        findings.Replace("failed to receive data: failed to receive data", "failed to receive data: connection closed", StringComparison.Ordinal);

    private static TestCaseData Script(string name, string finding, string arguments = "") =>
        new TestCaseData(name, arguments, finding).SetArgDisplayNames(name, arguments);

    private static async Task<string> RunAsync(IPEndPoint server, IReadOnlyCollection<string> arguments, CancellationToken cancellationToken)
    {
        string[] all = ["-Pn", "-n", "-p", $"{server.Port}", .. arguments, "127.0.0.1"];
        var output = await OutsideProcess.RunSuccessfullyAsync("nmap", all, s_limit, cancellationToken);
        TestContext.Out.WriteLine(output);
        var findings = Table().Match(output).Value.Replace($"{server.Port}", "PORT", StringComparison.Ordinal);
        Assert.That(findings, Does.Contain("PORT/tcp open"));
        findings = Performed().Replace(findings, "");
        return arguments.Contains("-sV") ? findings : GuessedService().Replace(findings, "$1");
    }

    private async Task<(string Direct, string Shielded)> FindAsync(string limits, string script, string arguments, CancellationToken cancellationToken)
    {
        var users = script == "smtp-brute" ? "user" : "users";
        string[] all =
        [
            // The plus sign: also on a port that is not known for SMTP.
            "--script", "+" + script,
            "--script-args",
            ($"userdb={_directory}/{users},passdb={_directory}/passwords,brute.threads=1,brute.start=1,brute.delay=0,"
                + $"smtp.domain=example.test,smtp-enum-users.domain=example.test,{arguments}").TrimEnd(','),
        ];
        var direct = await RunAsync(Postfix.EndPointOf(limits), all, cancellationToken);
        var shielded = await RunAsync(_shields[limits].EndPoint, all, cancellationToken);
        await EndedAsync(_shields[limits], cancellationToken);
        return (direct, shielded);
    }

    private static async Task EndedAsync(ShieldProcess shield, CancellationToken cancellationToken)
    {
        await shield.Log.WaitForQuietAsync(cancellationToken);
        await Eventually.HoldsAsync(() => shield.ConnectedSockets().Count == 0, TimeSpan.FromSeconds(20),
            "the shield has closed all its connections", cancellationToken);
        Assert.That(shield.HasExited, Is.False);
        Assert.That(shield.AllLines, Does.Not.Match("(error|fatal|panic): "));
    }

    // Without -sV the name of the service is what the port's number usually stands for.
    [GeneratedRegex(@"^(PORT/tcp open) +\S+$", RegexOptions.Multiline)]
    private static partial Regex GuessedService();

    [GeneratedRegex(@"^PORT .*?(?=\n\nService|\n\nNmap)", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Table();

    [GeneratedRegex(@"Statistics: Performed .*")]
    private static partial Regex Performed();
}
