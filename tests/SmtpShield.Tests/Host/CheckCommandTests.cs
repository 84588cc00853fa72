using System.CommandLine;
using SmtpShield.Configuration;
using SmtpShield.Host.Commands;

namespace SmtpShield.Tests.Host;

[TestFixture]
public sealed class CheckCommandTests
{
    private string _path = "";

    [SetUp]
    public void MakeFile() => _path = Path.GetTempFileName();

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    private (int Status, string[] Lines) Run(string text, Command command, params string[] arguments)
    {
        File.WriteAllText(_path, text);
        using var output = new StringWriter();
        var status = command.Parse(["-c", _path, .. arguments]).Invoke(new InvocationConfiguration { Output = output, Error = output });
        return (status, output.ToString().Replace(_path, "main.cf", StringComparison.Ordinal).Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }

    [Test]
    public void Check_GoodFile_EndsWithStatus0AndSummary() =>
        Assert.That(Run("myhostname = a.example\nsmtpd_timeout = 5\nshield_client_handoff = proxy-v2\n", CheckCommand.Create()), Is.EqualTo((0, (string[])["main.cf: 0 errors, 0 warnings, 0 notes"])));

    [Test]
    public void Check_FileWithProblems_PrintsAllErrorsFirstAndEndsWithStatus1() =>
        Assert.That(Run("smtpd_timout = 5\nrelayhost = x\nfoo\nsmtpd_soft_error_limit = 0\nshield_client_handoff = proxy-v2\n", CheckCommand.Create()), Is.EqualTo((1, (string[])[
            "error: main.cf, line 3: missing '=' after attribute name: \"foo\" (write name = value)",
            "error: main.cf, line 4: invalid smtpd_soft_error_limit parameter value 0 < 1 (write a whole number of at least 1)",
            "warning: main.cf, line 1: unknown parameter: smtpd_timout (did you mean smtpd_timeout?)",
            "note: main.cf, line 2: relayhost is a Postfix parameter not used by the shield",
            "main.cf: 2 errors, 1 warning, 1 note"])));

    [Test]
    public void Check_WithoutMyhostname_SaysThatItWasMadeUp()
    {
        var lines = Run("shield_client_handoff = proxy-v2\n", CheckCommand.Create()).Lines;
        Assert.That(lines[0], Does.StartWith("note: built-in default: myhostname is not set: replies of the shield say ").And.EndsWith(", made from the name of this host (write the name in the MTA's greeting)"));
        Assert.That(lines[^1], Is.EqualTo("main.cf: 0 errors, 0 warnings, 1 note"));
    }

    [Test]
    public void Check_Override_IsChecked() => Assert.That(Run("", CheckCommand.Create(), "-o", "smtpd_timeout=x").Status, Is.EqualTo(1));

    [Test]
    public void Check_CertificateThatCannotBeLoaded_IsAnErrorOnce() =>
        Assert.That(Run("myhostname = a.example\nshield_client_handoff = proxy-v2\nsmtpd_tls_chain_files = /nonexistent/chain.pem\nshield_services = smtp, other\nother/inet/shield_listen = 127.0.0.1:2526\n", CheckCommand.Create()), Is.EqualTo((1, (string[])[
            "error: /nonexistent/chain.pem: smtpd_tls_chain_files: open /nonexistent/chain.pem: No such file or directory (write the file with PEM objects, readable for the shield)",
            "main.cf: 1 error, 0 warnings, 0 notes"])));

    [Test]
    public void Check_Probe_AddsItsProblems()
    {
        var command = CheckCommand.Create((options, _) => Task.FromResult<IReadOnlyList<ConfigurationProblem>>(
            [new ConfigurationProblem(ProblemSeverity.Error, new SourceLocation("probe"), "shield_upstream", $"{options.Upstream.Destinations[0]}: Connection refused")]));
        Assert.That(Run("myhostname = a.example\nshield_client_handoff = proxy-v2\n", command, "--probe"), Is.EqualTo((1, (string[])["error: probe: shield_upstream: 127.0.0.1:10025: Connection refused", "main.cf: 1 error, 0 warnings, 0 notes"])));
        Assert.That(Run("", command).Status, Is.Zero);
    }
}
