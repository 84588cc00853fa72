using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.Testing;
using SmtpShield.Testing.Tls;

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
        return (status, output.ToString().Replace(_path, "main.cf", StringComparison.Ordinal)
            .Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Where(static line => !line.StartsWith("next: ", StringComparison.Ordinal))
            .ToArray());
    }

    // The socket is a running shield's, of which only that it is there is looked at.
    [TestCase("smtpd_timeout = x\n", false, "next: correct the errors, then smtpshield check -c {0}")]
    [TestCase("smtpd_timeout = 5\n", false, "next: smtpshield rehearse -c {0}")]
    [TestCase("smtpd_timeout = 5\n", true, "next: smtpshield status -c {0}")]
    public void Check_AnyFile_EndsWithTheNextStep(string text, bool isRunning, string expected)
    {
        File.WriteAllText(_path, $"{text}shield_control_socket = {(isRunning ? _path : "/nonexistent/control.sock")}\n");
        using var output = new StringWriter();
        CheckCommand.Create().Parse(["-c", _path]).Invoke(new InvocationConfiguration { Output = output, Error = output });
        Assert.That(output.ToString().TrimEnd().Split(Environment.NewLine)[^1], Is.EqualTo(string.Format(null, expected, _path)));
    }

    [Test]
    public void Check_GoodFile_EndsWithStatus0AndSummary() =>
        Assert.That(Run("myhostname = a.example\nsmtpd_timeout = 5\nshield_client_handoff = proxy-v2\n", CheckCommand.Create()),
            Is.EqualTo((0, (string[])["main.cf: 0 errors, 0 warnings, 0 notes"])));

    [Test]
    public void Check_FileWithProblems_PrintsAllErrorsFirstAndEndsWithStatus1() =>
        Assert.That(Run("smtpd_timout = 5\nrelayhost = x\nfoo\nsmtpd_soft_error_limit = 0\nshield_client_handoff = proxy-v2\n", CheckCommand.Create()),
            Is.EqualTo((1, (string[])[
            "error: main.cf, line 3: missing '=' after attribute name: \"foo\" (write name = value)",
            "error: main.cf, line 4: invalid smtpd_soft_error_limit parameter value 0 < 1 (write a whole number of at least 1)",
            "warning: main.cf, line 1: unknown parameter: smtpd_timout (did you mean smtpd_timeout?)",
            "note: main.cf, line 2: relayhost is a Postfix parameter not used by the shield",
            "main.cf: 2 errors, 1 warning, 1 note"])));

    [Test]
    public void Check_WithoutMyhostname_SaysThatItWasMadeUp()
    {
        var lines = Run("shield_client_handoff = proxy-v2\n", CheckCommand.Create()).Lines;
        Assert.That(lines[0], Does.StartWith("note: built-in default: myhostname is not set: replies of the shield say ")
            .And.EndsWith(", made from the name of this host (write the name in the MTA's greeting)"));
        Assert.That(lines[^1], Is.EqualTo("main.cf: 0 errors, 0 warnings, 1 note"));
    }

    [Test]
    public void Check_Override_IsChecked() => Assert.That(Run("", CheckCommand.Create(), "-o", "smtpd_timeout=x").Status, Is.EqualTo(1));

    [Test]
    public void Check_CertificateThatCannotBeLoaded_IsAnErrorOnce() =>
        Assert.That(Run("myhostname = a.example\nshield_client_handoff = proxy-v2\nsmtpd_tls_chain_files = /nonexistent/chain.pem\nshield_services = smtp, "
            + "other\nother/inet/shield_listen = 127.0.0.1:2526\n", CheckCommand.Create()), Is.EqualTo((1, (string[])[
            "error: /nonexistent/chain.pem: smtpd_tls_chain_files: open /nonexistent/chain.pem: No such file or directory (write the file with PEM objects, "
                + "readable for the shield)",
            "main.cf: 1 error, 0 warnings, 0 notes"])));

    [Test]
    public void Check_NoFile_SaysHowToMakeOne()
    {
        var path = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString());
        using var output = new StringWriter();
        var status = CheckCommand.Create().Parse(["-c", path]).Invoke(new InvocationConfiguration { Output = output, Error = output });

        Assert.That((status, output.ToString().Split(Environment.NewLine)[0]), Is.EqualTo((1, $"error: {path}: open {path}: "
            + $"No such file or directory (make one: smtpshield init -o {path}, or for a Postfix smtpshield import /etc/postfix -o {path}; "
            + "or name yours with -c)")));
    }

    [Test]
    public void Check_LogDirectoryThatIsNotThere_IsAnErrorAsAtStart() =>
        Assert.That(Run("myhostname = a.example\nshield_client_handoff = proxy-v2\nmaillog_file = /nonexistent/mail.log\n", CheckCommand.Create()),
            Is.EqualTo((1, (string[])[
            "error: /nonexistent/mail.log: maillog_file: open logfile '/nonexistent/mail.log': No such file or directory; "
                + "create the directory '/nonexistent' or change maillog_file",
            "main.cf: 1 error, 0 warnings, 0 notes"])));

    // Where the unit's is, systemd makes it.
    [TestCase("/nonexistent/control.sock", "warning: /nonexistent/control.sock: shield_control_socket: there is no directory /nonexistent: "
        + "the shield can't be asked with smtpshield status (make it, for the service's user)")]
    [TestCase("", "")]
    public void Check_DirectoryOfTheControlSocketIsMissing_IsAWarning(string socket, string expected) => Assert.That(
        Run($"myhostname = a.example\nshield_client_handoff = proxy-v2\nshield_control_socket = {socket}\n", CheckCommand.Create()).Lines,
        expected.Length > 0 ? Has.Member(expected) : Has.None.Contains("shield_control_socket"));

    // Knows mta.example.com and client.example.com; silent.example.com is answered by nobody.
    private static Task<IPAddress[]> LookUpAsync(string name, CancellationToken cancellationToken) => name.ToUpperInvariant() switch
    {
        "MTA.EXAMPLE.COM" or "CLIENT.EXAMPLE.COM" => Task.FromResult<IPAddress[]>([IPAddress.Loopback]),
        "EMPTY.EXAMPLE.COM" => Task.FromResult<IPAddress[]>([]),
        "SILENT.EXAMPLE.COM" => Task.FromException<IPAddress[]>(new SocketException((int)SocketError.TryAgain)),
        _ => Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound)),
    };

    private const string NoMta = "(clients get 421 while no MTA is found; write its address, or mend the name)";
    private const string NoClient = "(no client's verified name is one without an address; write the address, or .domain for the names below it)";
    private const string NotCompared =
        "is a host name, and names match nobody while smtpd_peername_lookup = no (write the address, or smtpd_peername_lookup = yes)";

    [TestCase("shield_upstream = mta.example.com:25, 192.0.2.1:25, [2001:db8::1]:25\n")]
    [TestCase("shield_upstream = mta.example.com:25, nosuch.example.com:25\n",
        "warning: service smtp: shield_upstream: nosuch.example.com has no address " + NoMta)]
    [TestCase("shield_upstream = empty.example.com:25\n", "warning: service smtp: shield_upstream: empty.example.com has no address " + NoMta)]
    [TestCase(
        "shield_upstream = silent.example.com:25\n",
        "note: service smtp: shield_upstream: whether silent.example.com has an address is not known: the name servers of this host do not answer (TryAgain)")]
    [TestCase(
        "shield_services = smtp, other\nother/inet/shield_listen = 127.0.0.1:2526\nother/inet/shield_upstream = nosuch.example.com:25\n",
        "warning: service other: shield_upstream: nosuch.example.com has no address " + NoMta)]
    [TestCase(
        "smtpd_peername_lookup = yes\nsmtpd_client_event_limit_exceptions = client.example.com, .example.net, 192.0.2.0/24, !nosuch.example.com\n",
        "warning: service smtp: smtpd_client_event_limit_exceptions: nosuch.example.com has no address " + NoClient)]
    [TestCase("smtpd_peername_lookup = yes\nmynetworks = nosuch.example.com\n",
        "warning: service smtp: smtpd_client_event_limit_exceptions: nosuch.example.com has no address " + NoClient)]
    [TestCase("smtpd_peername_lookup = yes\nshield_proxy_event_limit_exceptions = nosuch.example.com\n",
        "warning: service smtp: shield_proxy_event_limit_exceptions: nosuch.example.com has no address " + NoClient)]
    [TestCase("mynetworks = 192.0.2.0/24, .example.net, client.example.com\n",
        "warning: service smtp: smtpd_client_event_limit_exceptions: .example.net " + NotCompared)]
    [TestCase("shield_proxy_event_limit_exceptions = client.example.com\n",
        "warning: service smtp: shield_proxy_event_limit_exceptions: client.example.com " + NotCompared)]
    [TestCase(
        "smtpd_peername_lookup = yes\nshield_proxy_sources = 192.0.2.1, client.example.com\n",
        "warning: service smtp: shield_proxy_sources: client.example.com is a host name, and names match nobody here (write the address)")]
    [TestCase(
        "shield_services = smtp, other\nother/inet/shield_listen = 127.0.0.1:2526\nsmtpd_peername_lookup = yes\nmynetworks = nosuch.example.com\n",
        "warning: service smtp: smtpd_client_event_limit_exceptions: nosuch.example.com has no address " + NoClient)]
    public void Check_HostNames_AreLookedUpWhereTheyAreUsed(string text, params string[] expected)
    {
        var (status, lines) = Run($"myhostname = a.example\nshield_listen = 127.0.0.1:2525\nshield_client_handoff = proxy-v2\n{text}",
            CheckCommand.Create(lookup: LookUpAsync));
        Assert.That((status, lines[..^1]), Is.EqualTo((0, expected)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Check_NameServersThatNeverAnswer_AreWaitedForAsLongAsOne(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        var options = ShieldConfiguration.Load(_path, ["shield_upstream=a.example:25, b.example:25"]).Options!;
        var checking = HostNames.ProblemsOfAsync(options, (_, _) => new TaskCompletionSource<IPAddress[]>().Task, time, cancellationToken);

        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.That(checking.IsCompleted, Is.False);
        time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.That((await checking).Select(problem => (problem.Severity, problem.Message)), Is.EqualTo(((ProblemSeverity, string)[])[
            (ProblemSeverity.Note, "whether a.example has an address is not known: the name servers of this host do not answer (TimedOut)"),
            (ProblemSeverity.Note, "whether b.example has an address is not known: the name servers of this host do not answer (TimedOut)")]));
    }

    [Test]
    public void Check_ManyNames_AreNotAllLookedUp()
    {
        var asked = 0;
        var lines = Run(
            "myhostname = a.example\nshield_listen = 127.0.0.1:2525\nshield_client_handoff = proxy-v2\nsmtpd_peername_lookup = yes\nmynetworks = "
                + $"{string.Join(' ', Enumerable.Range(0, 1000).Select(i => $"n{i}.example"))}\n",
            CheckCommand.Create(lookup: (_, _) => Task.FromResult<IPAddress[]>(Interlocked.Increment(ref asked) > 0 ? [IPAddress.Loopback] : []))).Lines;

        Assert.That((asked, lines[0]),
            Is.EqualTo((64, "note: service smtp: smtpd_client_event_limit_exceptions: 64 names were looked up, n64.example and those behind it were not")));
    }

    [TestCase("0.0.0.0", "127.0.0.1")]
    [TestCase("127.0.0.1", "0.0.0.0")]
    [TestCase("127.0.0.1", "127.0.0.1")]
    [TestCase("::1", "::")]
    [TestCase("127.0.0.1", "127.0.0.2")]
    [TestCase("127.0.0.1", "::1")]
    public void Check_PortInUse_IsWarnedOfWithWhoHasIt(string taken, string wanted)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("Reads /proc/net/tcp.");
        using var other = new TcpListener(IPAddress.Parse(taken), 0);
        other.Start();
        var endpoint = new IPEndPoint(IPAddress.Parse(wanted), ((IPEndPoint)other.LocalEndpoint).Port);
        var (status, lines) = Run($"myhostname = a.example\nshield_client_handoff = proxy-v2\nshield_listen = {endpoint}\n", CheckCommand.Create());

        var isTaken = endpoint.AddressFamily == other.LocalEndpoint.AddressFamily && wanted != "127.0.0.2";
        Assert.That(status, Is.Zero);
        Assert.That(lines.Count(line => line.StartsWith("warning", StringComparison.Ordinal)), Is.EqualTo(isTaken ? 1 : 0));
        if (isTaken)
        {
            Assert.That(lines[0], Is.EqualTo(
                "warning: service smtp: shield_listen: "
                    + $"{endpoint} is in use by {File.ReadAllText("/proc/self/comm").Trim()} (process {Environment.ProcessId}): "
                    + "the shield can't start before it is free (stop that program or move it to another port, or change shield_listen)"));
        }
    }

    [Test, Platform("Linux")]
    public void Check_MetricsWouldListenWhereAnotherDoes_IsAWarning()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();

        var (status, lines) = Run(
            $"myhostname = a.example\nshield_client_handoff = proxy-v2\nshield_metrics_listen = {other.LocalEndpoint}\n", CheckCommand.Create());

        Assert.That(status, Is.Zero);
        Assert.That(lines, Has.Some.StartsWith($"warning: metrics: shield_metrics_listen: {other.LocalEndpoint} is in use by "));
    }

    [Test]
    public void Check_FilesTheServicesUserCannotRead_AreErrorsWithTheRemedy()
    {
        if (OperatingSystem.IsWindows() || !Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("Only root can look as another user.");
            return;
        }

        var directory = Directory.CreateTempSubdirectory("smtpshield-check-");
        try
        {
            var certificate = TestCertificate.Make("mail.example.com");
            var (open, hidden, listed) = (Path.Combine(directory.FullName, "open"), Path.Combine(directory.FullName, "hidden"),
                Path.Combine(directory.FullName, "listed"));
            Directory.CreateDirectory(open,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
            Directory.CreateDirectory(hidden, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            File.SetUnixFileMode(directory.FullName, File.GetUnixFileMode(open));
            File.WriteAllText(Path.Combine(hidden, "chain.pem"), certificate.Chain);
            File.WriteAllText(listed, "192.0.2.0/24\n");
            File.SetUnixFileMode(listed, UnixFileMode.UserRead);
            var text = $"shield_client_handoff = proxy-v2\nshield_listen = 127.0.0.1:2525\nmynetworks = {listed}\nsmtpd_tls_chain_files = "
                + $"{hidden}/chain.pem\nmaillog_file = {open}/mail.log\n";

            var (status, lines) = Run(text, CheckCommand.Create(), "--user", "nobody");

            Assert.That(status, Is.EqualTo(1));
            Assert.That(lines, Does.Contain($"error: {listed}: nobody can't read it (chgrp nobody {listed}; chmod g+r {listed})"));
            Assert.That(lines, Has.Some.StartsWith($"error: {hidden}/chain.pem: nobody can't read it (nobody can't enter {hidden}: "));
            Assert.That(lines, Does.Contain($"error: {open}: maillog_file: nobody can't write it (chown nobody {open})"));
            Assert.That(Run(text, CheckCommand.Create(), "--user", "root").Lines, Has.None.StartsWith("error"));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Test]
    public void Check_PrivilegedPortWithoutAUnit_IsWarnedOf()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            Assert.Ignore("Only root can look as another user.");
        Assert.That(Run("myhostname = a.example\nshield_client_handoff = proxy-v2\nshield_listen = 127.0.0.1:25\n", CheckCommand.Create(), "--user", "nobody")
            .Lines, Has.Some.Contains("nobody needs CAP_NET_BIND_SERVICE for it: port 25"));
    }

    [Test]
    public void Check_UserThatIsNotThere_IsAnErrorWhereItWasNamed() =>
        Assert.That(Run("myhostname = a.example\nshield_client_handoff = proxy-v2\n", CheckCommand.Create(), "--user", "nobody-of-this-name"),
            Is.EqualTo((1, (string[])[
            "error: command line option --user: no such user: nobody-of-this-name (name the User= of the unit)", "main.cf: 1 error, 0 warnings, 0 notes"])));

    [Test]
    public void Check_Probe_AddsItsProblems()
    {
        var command = CheckCommand.Create((options, _) => Task.FromResult<IReadOnlyList<ConfigurationProblem>>(
            [new ConfigurationProblem(ProblemSeverity.Error, new SourceLocation("probe"), "shield_upstream",
                $"{options.Upstream.Destinations[0]}: Connection refused")]));
        Assert.That(Run("myhostname = a.example\nshield_client_handoff = proxy-v2\n", command, "--probe"),
            Is.EqualTo((1, (string[])["error: probe: shield_upstream: 127.0.0.1:10025: Connection refused", "main.cf: 1 error, 0 warnings, 0 notes"])));
        Assert.That(Run("", command).Status, Is.Zero);
    }
}
