using System.Net;
using System.Text.Json;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>testssl.sh finds nothing worse with the shield than with a Postfix that has Debian's defaults and the same certificate.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class TestSslTests
{
    // Protocols, cipher categories, forward secrecy, the server's defaults, vulnerabilities. Left out are the lists of single ciphers and the simulation
    // of browsers: most of its time.
    private static readonly string[] s_all = ["-p", "-s", "-f", "-S", "-U"];

    // What testssl finds fault with in any server that has this certificate and these protocols. Nothing else of Postfix's is looked at: the shield's finding
    // is to be "OK" there.
    private static readonly string[] s_faulty = ["-s", "-S", "--lucky13"];

    private static readonly string[] s_severities = ["DEBUG", "INFO", "OK", "LOW", "MEDIUM", "HIGH", "CRITICAL"];
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(15);

    private TlsServers? _servers;
    private PostfixInstance? _defaults;

    private TlsServers Servers => _servers ?? throw new InvalidOperationException("The servers were not started");

    [OneTimeSetUp]
    public async Task StartServers()
    {
        RealPostfix.Require();
        RealPostfix.RequireProgram("testssl");
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _servers = await TlsServers.StartAsync(cancellationToken);
        _defaults = await PostfixInstance.StartAsync(
            [PostfixService.WithoutLimits("starttls")],
            cancellationToken,
            new Dictionary<string, string> { ["smtpd_tls_security_level"] = "may",
                ["smtpd_tls_chain_files"] = Path.Combine(_servers.FilesDirectory, "chain.pem") });
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        if (_defaults is not null)
            await _defaults.DisposeAsync();
        if (_servers is not null)
            await _servers.DisposeAsync();
    }

    [Test]
    [CancelAfter(1_800_000)]
    public async Task TestSsl_EachFinding_NoWorseThanPostfix(CancellationToken cancellationToken)
    {
        var both = await Task.WhenAll(
            FindAsync("postfix", s_faulty, _defaults!.EndPointOf("starttls")), FindAsync("shield", s_all, Servers.EndPointOf("terminate")));
        var (postfix, shield) = (both[0], both[1]);
        var worse = shield
            .Where(finding => Array.IndexOf(s_severities, finding.Value.Severity) > Math.Max(
                Array.IndexOf(s_severities, "OK"), Array.IndexOf(s_severities, postfix.GetValueOrDefault(finding.Key).Severity)))
            .Select(finding => $"{finding.Key}: {finding.Value}, Postfix: {postfix.GetValueOrDefault(finding.Key)}");

        Assert.That(worse, Is.Empty);
        // It has really looked: a connection it can't make has few findings.
        string[] looked = ["TLS1_3", "cipherlist_NULL", "cert_commonName", "heartbleed", "secure_client_renego", "ROBOT"];
        Assert.That(looked.Where(id => !shield.ContainsKey(id)), Is.Empty, string.Join(' ', shield.Keys));
        Assert.That((shield["TLS1"].Severity, shield["TLS1_2"].Severity, shield["TLS1_3"].Severity),
            Is.EqualTo(("INFO", "OK", "OK")).Or.EqualTo(("OK", "OK", "OK")));

        async Task<Dictionary<string, (string Severity, string Finding)>> FindAsync(string name, string[] checks, IPEndPoint server)
        {
            var file = Path.Combine(Servers.FilesDirectory, name + ".json");
            // Its exit status is the number of what it does not like.
            var (_, output) = await OutsideProcess.RunAsync(
                "testssl",
                ["--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--jsonfile", file, "-t", "smtp", .. checks, server.ToString()],
                s_limit,
                cancellationToken,
                workingDirectory: Servers.FilesDirectory);
            Assert.That(File.Exists(file), Is.True, output);
            using var document = JsonDocument.Parse(await File.ReadAllTextAsync(file, cancellationToken));
            return document.RootElement.EnumerateArray()
                .GroupBy(finding => finding.GetProperty("id").GetString()!)
                .ToDictionary(group => group.Key,
                    group => (group.Last().GetProperty("severity").GetString()!, group.Last().GetProperty("finding").GetString()!));
        }
    }
}
