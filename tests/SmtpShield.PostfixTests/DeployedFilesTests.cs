using System.Text.RegularExpressions;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.MasterCf;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.PostfixTests;

/// <summary>
/// A real Postfix with the entry of deploy/postfix/master.cf behind a shield with the lines of deploy/smtpshield/main.cf: what people copy delivers mail, knows
/// its clients and is no open relay.
/// </summary>
[Property("Hazard", "ID-11")]
[Parallelizable(ParallelScope.Self)]
public sealed partial class DeployedFilesTests
{
    private const string SyslogName = "shielded";
    private const string Trusted = "127.85.0.7";

    // swaks speaks TLS only where Perl does.
    private const string TlsSender = """
        import smtplib, ssl, sys
        source, port, to = sys.argv[1:]
        with smtplib.SMTP("127.0.0.1", int(port), "client.example", source_address=(source, 0), timeout=60) as server:
            server.starttls(context=ssl._create_unverified_context())
            server.sendmail("a@client.example", to, "Subject: x\n\nx\n")
        """;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static int s_last;
    private PostfixInstance? _postfix;
    private string _directory = "";

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    private string Chain => Path.Combine(_directory, "chain.pem");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _directory = Directory.CreateTempSubdirectory("smtpshield-deployed-").FullName;
        await File.WriteAllTextAsync(Chain, TestCertificate.Make(PostfixInstance.HostName).Chain, cancellationToken);
        var fragment = await File.ReadAllTextAsync(PathOf("postfix/master.cf"), cancellationToken);
        _postfix = await PostfixInstance.StartAsync(
            [
                Service("passthrough", fragment, "may"),
                Service("certificate", WithCertificateLines().Replace(fragment, "    -o "), "encrypt"),
                Service("untold", fragment.Replace("    -o smtpd_upstream_proxy_protocol=haproxy\n", UntoldLines(), StringComparison.Ordinal), "may"),
            ],
            cancellationToken,
            new Dictionary<string, string> { ["mynetworks"] = $"127.0.0.1/32 {Trusted}/32", ["default_transport"] = "discard",
                ["smtpd_tls_chain_files"] = Chain });
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [TestCase("certificate", "python3")]
    [TestCase("certificate", "swaks")]
    [TestCase("passthrough", "python3")]
    [TestCase("passthrough", "swaks")]
    [CancelAfter(60_000)]
    public async Task Send_ToOurUser_IsDeliveredAndPostfixKnowsTheClient(string service, string sender, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram(sender);
        var log = Log();
        await using var shield = await StartAsync(service, cancellationToken);
        var (client, box) = (NextClient(), $"box{s_last}");

        Assert.That(await SendAsync(sender, shield, client, $"{box}@example.test", cancellationToken), Is.EqualTo(0));

        var message = await File.ReadAllTextAsync((await Postfix.WaitForMessagesAsync(box, 1, s_limit, cancellationToken)).Single(), cancellationToken);
        Assert.That(message, Does.Contain($"[{client}]").And.Contain((service, sender) == ("passthrough", "python3") ? "with ESMTPS " : "with ESMTP "));
        await log.WaitForAsync(texts => texts.Any(text => text.EndsWith($": client=unknown[{client}]", StringComparison.Ordinal)),
            "the client", cancellationToken);
        await shield.StopAsync(cancellationToken);
    }

    [TestCase("certificate", "python3")]
    [TestCase("certificate", "swaks")]
    [TestCase("passthrough", "python3")]
    [TestCase("passthrough", "swaks")]
    [CancelAfter(60_000)]
    public async Task Send_ToElsewhere_OnlyFromMynetworks(string service, string sender, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram(sender);
        var log = Log();
        await using var shield = await StartAsync(service, cancellationToken);
        var stranger = NextClient();

        Assert.That(await SendAsync(sender, shield, Trusted, "x@elsewhere.example", cancellationToken), Is.EqualTo(0));
        Assert.That(await SendAsync(sender, shield, stranger, "x@elsewhere.example", cancellationToken), Is.Not.EqualTo(0));

        await log.WaitForAsync(
            texts => texts.Any(text => text.StartsWith($"NOQUEUE: reject: RCPT from unknown[{stranger}]: 554 5.7.1 <x@elsewhere.example>: "
                + "Relay access denied; ", StringComparison.Ordinal)), "the refusal", cancellationToken);
        await shield.StopAsync(cancellationToken);
    }

    // Of what the page says for a Postfix that is not told, this is what keeps it from relaying for everybody.
    [Test, CancelAfter(60_000)]
    public async Task Send_ToElsewhereThroughPostfixThatIsNotTold_FromNobody(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("swaks");
        var log = Log();
        await using var shield = await StartAsync("untold", cancellationToken);

        Assert.That(await SendAsync("swaks", shield, Trusted, "good@example.test", cancellationToken), Is.EqualTo(0));
        Assert.That(await SendAsync("swaks", shield, Trusted, "x@elsewhere.example", cancellationToken), Is.Not.EqualTo(0));
        await log.WaitForAsync(
            texts => texts.Any(text => text.StartsWith("NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 554 5.7.1 <x@elsewhere.example>: Relay access denied; ",
                StringComparison.Ordinal)), "the refusal", cancellationToken);
    }

    private static string NextClient() => $"127.85.1.{Interlocked.Increment(ref s_last)}";

    private static string UntoldLines()
    {
        var page = File.ReadAllText(PathOf("../docs/tasks/put-it-before-postfix.md"));
        return page[page.IndexOf("    -o mynetworks=", StringComparison.Ordinal)..].Split("```")[0];
    }

    private static string PathOf(string path) => Path.Combine(Repository.Root, "deploy", path);

    // The level is what the old entry had: the fragment has to say otherwise where it matters.
    private static PostfixService Service(string name, string fragment, string level)
    {
        var entry = MasterCfFile.Parse(fragment, "master.cf").Entries.Single();
        var parameters = new Dictionary<string, string> { ["smtpd_tls_security_level"] = level };
        foreach (var item in entry.Overrides)
            parameters[item.Name] = item.Value;
        return new PostfixService(name, parameters, int.Parse(entry.ProcessLimit, null));
    }

    private static async Task<int> SendAsync(string sender, ShieldProcess shield, string from, string to, CancellationToken cancellationToken)
    {
        string[] arguments = sender == "swaks"
            ? ["--server", $"{shield.EndPoint}", "--local-interface", from, "--helo", "client.example", "--from", "a@client.example", "--to", to]
            : ["-c", TlsSender, from, $"{shield.EndPoint.Port}", to];
        var (status, output) = await OutsideProcess.RunAsync(sender, arguments, s_limit, cancellationToken);
        TestContext.Out.WriteLine(output);
        return status;
    }

    // Both services have the name the entry gives them.
    private MailLog Log() => Postfix.LogOfName(SyslogName).FromHere();

    private Task<ShieldProcess> StartAsync(string service, CancellationToken cancellationToken)
    {
        string[] surroundings = ["shield_listen", "shield_upstream", "myhostname"];
        var parameters = MainCfFile.Read(PathOf("smtpshield/main.cf")).Entries.Values.Where(entry => !surroundings.Contains(entry.Name))
            .ToDictionary(entry => entry.Name, entry => entry.Value);
        if (service == "certificate")
            parameters["smtpd_tls_chain_files"] = Chain;
        if (service == "untold")
            parameters["shield_client_handoff"] = "none";
        return ShieldProcess.StartAsync(Postfix.EndPointOf(service), parameters, cancellationToken);
    }

    [GeneratedRegex("(?m)^# +-o ")]
    private static partial Regex WithCertificateLines();
}
