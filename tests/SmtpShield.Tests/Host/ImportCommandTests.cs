using System.CommandLine;
using System.Text;
using SmtpShield.Configuration;
using SmtpShield.Host.Commands;
using SmtpShield.Tests.Configuration;
using SmtpShield.Tests.Docs;

namespace SmtpShield.Tests.Host;

[TestFixture]
public sealed class ImportCommandTests
{
    private const string Service = "smtp inet n - y - - smtpd\n";

    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    private string MainCf => Path.Combine(_directory, "main.cf");

    private string MasterCf => Path.Combine(_directory, "master.cf");

    private static (int Status, string Output, string[] Errors) Run(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var status = ImportCommand.Create().Parse(arguments).Invoke(new InvocationConfiguration { Output = output, Error = error });
        return (status, output.ToString(), error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }

    private (int Status, string[] Lines, string[] Errors) Import(string main, string master = Service)
    {
        File.WriteAllText(MainCf, main);
        File.WriteAllText(MasterCf, master);
        var (status, output, errors) = Run(_directory);
        return (status, output.Split('\n'), errors);
    }

    // Of lines in force.
    private static ShieldOptions Check(string text)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            var result = ShieldConfiguration.Load(path, []);
            Assert.That(result.Problems.WithoutHandoff(), Is.Empty);
            return result.Options!;
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string[] InForce(IEnumerable<string> lines) => [.. lines.Where(line => line.Length > 0 && line[0] != '#')];

    [TestCase("debian")]
    [TestCase("elaborate")]
    public void Import_PostfixConfiguration_IsAsExpectedAndPassesCheck(string name)
    {
        foreach (var file in Directory.EnumerateFiles(Repository.PathOf($"tests/SmtpShield.Tests/Host/Postfix/{name}"), "*.cf"))
            File.Copy(file, Path.Combine(_directory, Path.GetFileName(file)));
        var (status, output, errors) = Run(_directory);
        var actual = (output + "\n==== standard error ====\n\n" + string.Join('\n', errors) + "\n").Replace(_directory, "/etc/postfix", StringComparison.Ordinal);

        // To accept a changed text: copy the file named in the failure over the expected one.
        var expected = Repository.PathOf($"tests/SmtpShield.Tests/Host/Postfix/{name}/expected.txt");
        var made = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"import-{name}.txt");
        File.WriteAllText(made, actual);
        Assert.That(status, Is.Zero);
        Assert.That(actual, Is.EqualTo(File.ReadAllText(expected)), made);
        Check(output);
    }

    [Test]
    public void Import_ElaborateConfiguration_HasPostfixsLimits()
    {
        var (_, output, _) = Run(Repository.PathOf("tests/SmtpShield.Tests/Host/Postfix/elaborate"));
        var options = Check(output);
        Assert.Multiple(() =>
        {
            Assert.That(options.Limits.ClientConnectionCountLimit, Is.EqualTo(10));
            Assert.That(options.Limits.ClientConnectionRateLimit, Is.EqualTo(60));
            Assert.That(options.Limits.HardErrorLimit, Is.EqualTo(8));
            Assert.That(options.UnderStress!.Limits.HardErrorLimit, Is.EqualTo(1));
            Assert.That(options.Anvil.RateTimeUnit, Is.EqualTo(TimeSpan.FromMinutes(10)));
            Assert.That(options.Smtpd.LineLengthLimit, Is.EqualTo(4096));
            Assert.That(options.Listener.DefaultProcessLimit, Is.EqualTo(80));
            Assert.That(options.Upstream.Destinations.Single().Port, Is.EqualTo(10026));
        });
    }

    [Test]
    public void Import_BlocksOfOtherServices_PassCheckWithoutTheirMarks()
    {
        var (_, output, _) = Run(Repository.PathOf("tests/SmtpShield.Tests/Host/Postfix/elaborate"));
        var blocks = output.Split("To put a shield of its own")[1..];
        var ports = blocks.Select(block => Check(string.Join('\n', block.Split('\n').SkipWhile(line => line != "#").Skip(1).TakeWhile(line => line != "#").Select(line => line[4..]))).Listener.Endpoints[0].Port);
        Assert.That(ports, Is.EqualTo((int[])[587, 2525]));
    }

    [TestCase("a = 5\nsmtpd_soft_error_limit = $a\n", "a = 5|smtpd_soft_error_limit = $a", TestName = "Own name: copied")]
    [TestCase("b = 5\na = ${b}\nsmtpd_soft_error_limit = $a\nc = 1\n", "b = 5|a = ${b}|smtpd_soft_error_limit = $a", TestName = "Own names: all of them, and no others")]
    [TestCase("smtpd_soft_error_limit = 3\nsmtpd_hard_error_limit = $smtpd_soft_error_limit\n", "smtpd_soft_error_limit = 3|smtpd_hard_error_limit = $smtpd_soft_error_limit", TestName = "Known name: as written")]
    [TestCase("smtpd_hard_error_limit = $smtpd_soft_error_limit\n", "smtpd_hard_error_limit = $smtpd_soft_error_limit", TestName = "Known name with the same default: as written")]
    [TestCase("smtpd_hard_error_limit = $default_process_limit\n", "smtpd_hard_error_limit = 100", TestName = "Known name with another default: expanded")]
    [TestCase("relay_domains = 7\nsmtpd_hard_error_limit = $relay_domains\n", "smtpd_hard_error_limit = 7", TestName = "Postfix's name: expanded")]
    [TestCase("smtpd_hard_error_limit = $virtual_alias_maps\n", "", TestName = "Postfix's name at its default: not taken")]
    [TestCase("smtpd_hard_error_limit = $nosuch 5\n", "smtpd_hard_error_limit =  5", TestName = "Unknown name: empty")]
    [TestCase("smtpd_hard_error_limit = ${nosuch\n", "", TestName = "Broken reference: not taken")]
    [TestCase("a = ${nosuch\nsmtpd_hard_error_limit = ${stress?{$a}:{5}}\n", "", TestName = "Broken reference behind an own name: not taken")]
    [TestCase("mynetworks = hash:/etc/x\nsmtpd_client_event_limit_exceptions = $mynetworks, 192.0.2.1\n", "smtpd_client_event_limit_exceptions = $mynetworks, 192.0.2.1", TestName = "Table the shield does not read: only that line is out")]
    [TestCase("mynetworks = $a\na = $b\nb = $mynetworks\n", "", TestName = "Circle: not taken")]
    [TestCase("smtpd_forbid_bare_newline = no\n", "", TestName = "Value the shield refuses")]
    [TestCase("smtpd_timeout =\n", "", TestName = "Empty time")]
    [TestCase("smtpd_client_event_limit_exceptions =\n", "smtpd_client_event_limit_exceptions =", TestName = "Empty list")]
    [TestCase("shield_listen = 127.0.0.1:1\n", "", TestName = "The shield's own name")]
    [TestCase("maillog_file = /var/log/maillog\n", "", TestName = "Postfix's log file")]
    public void Import_Values_AreTakenOver(string main, string expected)
    {
        var (status, lines, _) = Import(main);
        var fixedLines = InForce(lines).Where(line => !line.StartsWith("shield_", StringComparison.Ordinal) && line != "default_process_limit = 100");
        Assert.That((status, string.Join('|', fixedLines)), Is.EqualTo((0, expected)));
        Check(string.Join('\n', lines));
    }

    [TestCase("", Service, "shield_listen = 0.0.0.0:25, [::]:25")]
    [TestCase("inet_protocols = ipv4\n", Service, "shield_listen = 0.0.0.0:25")]
    [TestCase("inet_interfaces = loopback-only\n", Service, "shield_listen = 127.0.0.1:25, [::1]:25")]
    [TestCase("inet_interfaces = 192.0.2.1, [2001:db8::1]\n", Service, "shield_listen = 192.0.2.1:25, [2001:db8::1]:25")]
    [TestCase("inet_interfaces = $myhostname\nmyhostname = mx.example.com\n", Service, "shield_listen = 0.0.0.0:25, [::]:25")]
    [TestCase("", "192.0.2.1:smtp inet n - y - - smtpd\n", "shield_listen = 192.0.2.1:25")]
    [TestCase("", "submission inet n - y - - smtpd\n25 inet n - y - - smtpd\n", "shield_listen = 0.0.0.0:25, [::]:25")]
    [TestCase("", "127.0.0.1:25 inet n - y - - smtpd\n192.0.2.1:25 inet n - y - - smtpd\n", "shield_listen = 192.0.2.1:25")]
    [TestCase("", "submission inet n - y - - smtpd\n", "shield_listen = 0.0.0.0:587, [::]:587")]
    [TestCase("", "odd inet n - y - - smtpd\n", "")]
    [TestCase("", Service, "shield_upstream = 127.0.0.1:10025")]
    [TestCase("", Service + "127.0.0.1:10025 inet n - y - - smtpd\n", "shield_upstream = 127.0.0.1:10026")]
    [TestCase("content_filter = x:[127.0.0.1]:10025\n", Service, "shield_upstream = 127.0.0.1:10026")]
    [TestCase("", Service, "default_process_limit = 100")]
    [TestCase("default_process_limit = 40\n", Service, "default_process_limit = 40")]
    [TestCase("default_process_limit = 40\n", "smtp inet n - y - 7 smtpd\n", "default_process_limit = 7")]
    [TestCase("default_process_limit = 40\n", "smtp inet n - y - 0 smtpd\n", "")]
    [TestCase("", "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - 9 smtpd\n", "default_process_limit = 9")]
    public void Import_Service_IsWhereItWas(string main, string master, string expected)
    {
        var (_, lines, _) = Import(main, master);
        var name = expected.Length > 0 ? expected.Split(' ')[0] : main.Length > 0 ? "default_process_limit" : "shield_listen";
        Assert.That(InForce(lines).Where(line => line.StartsWith(name, StringComparison.Ordinal)), Is.EqualTo(expected.Length > 0 ? (string[])[expected] : []));
    }

    [TestCase("", "permit_sasl_authenticated, defer_unauth_destination")]
    [TestCase("smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination\n", "reject_unauth_destination")]
    [TestCase("smtpd_relay_restrictions = PERMIT_MYNETWORKS, permit_inet_interfaces, reject\n", "reject")]
    [TestCase("smtpd_relay_restrictions =\n", "reject_unauth_destination")]
    [TestCase("smtpd_relay_restrictions = permit_sasl_authenticated\n", "permit_sasl_authenticated, reject_unauth_destination")]
    [TestCase("smtpd_relay_restrictions = check_policy_service { inet:x:1, timeout=10s } permit_mynetworks reject_unauth_destination\n", "check_policy_service { inet:x:1, timeout=10s } reject_unauth_destination")]
    public void Import_InnerService_TrustsNobodyForAnAddress(string main, string expected)
    {
        var commands = string.Concat(Import(main).Lines.Where(line => line.StartsWith("#$", StringComparison.Ordinal)));
        var assignment = expected.Contains(' ', StringComparison.Ordinal) ? $"{{ smtpd_relay_restrictions = {expected} }}" : $"smtpd_relay_restrictions={expected}";
        Assert.That(commands, Does.Contain($"' -o {assignment}'").And.Contain("' -o mynetworks='"));
    }

    [Test]
    public void Import_InnerService_DoesNotTrustThisHost() =>
        Assert.That(Import("smtpd_recipient_restrictions = permit_inet_interfaces, reject_unauth_destination\n").Lines, Does.Contain("#$ ' -o smtpd_recipient_restrictions=reject_unauth_destination'\\"));

    [TestCase("smtpd_tls_security_level = may\n", false)]
    [TestCase("", true)]
    public void Import_HardLimitOfInnerService_StaysWhereTlsHidesErrorsFromTheShield(string main, bool isRaised) =>
        Assert.That(Import(main).Lines.Contains("#$ ' -o smtpd_hard_error_limit=1000'\\"), Is.EqualTo(isRaised));

    [TestCase("smtpd_timeout = 300s\n", "600s")]
    [TestCase("smtpd_timeout = 301s\n", "602s")]
    [TestCase("smtpd_timeout = 10s\n", "600s")]
    public void Import_TimeoutOfInnerService_IsLongerThanTheShields(string main, string expected) =>
        Assert.That(Import(main).Lines, Does.Contain($"#$ ' -o smtpd_timeout={expected}'\\"));

    [Test]
    public void Import_QuoteInOverride_IsQuotedForTheShell() =>
        Assert.That(Import("", "smtp inet n - y - - smtpd -o { smtpd_banner = it's me }\n").Lines, Does.Contain(@"#$ ' -o { smtpd_banner = it'\''s me }'\"));

    [Test]
    public void Import_ControlCharacters_DoNotReachTheTerminalInComments()
    {
        var (_, lines, errors) = Import("smtpd_banner = x\nfoo\u001b[31m = 1\n", "smtp\u001b inet n - y - - smtpd -o {a\u001b=b}\n");
        Assert.That(string.Concat(lines.Where(line => line.StartsWith('#') && !line.StartsWith("#$", StringComparison.Ordinal)).Concat(errors)), Does.Not.Contain('\u001b'));
    }

    [Test]
    public void Import_MainCfAlone_IsEnough()
    {
        File.WriteAllText(MainCf, "smtpd_soft_error_limit = 3\n");
        var (status, output, errors) = Run(MainCf);
        Assert.That((status, Check(output).Limits.SoftErrorLimit), Is.EqualTo((0, 3)));
        Assert.That(errors[0], Is.EqualTo($"warning: {MasterCf}: no smtpd service; only main.cf was taken over, for port 25"));
    }

    [Test]
    public void Import_NoDirectory_SaysWhatToName() => Assert.That(Run("/nonexistent"), Is.EqualTo((1, "", (string[])[
        "error: /nonexistent/main.cf: open /nonexistent/main.cf: No such file or directory (name Postfix's configuration directory, the one postconf -h config_directory prints)",
        "error: /nonexistent/master.cf: open /nonexistent/master.cf: No such file or directory (name the main.cf itself to import only that)",
        "nothing was written"])));

    [Test]
    public void Import_BadLines_AreNamedAndNothingIsWritten()
    {
        var (status, _, errors) = Import("myhostname\n", "smtp inet n\n");
        Assert.That((status, errors), Is.EqualTo((1, (string[])[
            $"error: {MainCf}, line 1: missing '=' after attribute name: \"myhostname\" (write name = value)",
            $"error: {MasterCf}, line 1: bad field count: \"smtp inet n\" (a service has eight columns: service type private unpriv chroot wakeup maxproc command)",
            "nothing was written"])));
    }

    [Test]
    public void Import_RandomOctets_EndsWithStatus1AndFewLines([Values(1, 2, 3)] int seed)
    {
        var octets = new byte[100_000];
        new Random(seed).NextBytes(octets);
        File.WriteAllBytes(MainCf, octets);
        File.WriteAllBytes(MasterCf, octets);
        var (status, _, errors) = Run(_directory);
        Assert.That((status, errors.Length), Is.EqualTo((1, 22)));
    }

    [Test]
    public void Import_RandomWords_NeverFailsAndPassesCheck([Range(1, 40)] int seed)
    {
        var random = new Random(seed);
        string[] words = ["$", "{", "}", "${", "$stress", "${stress?{", "}:{", "$mynetworks", "$a", "$myhostname", "5", "s", ",", " ", "hash:/x", "[::1]", "192.0.2.1/24", "!", "/nonexistent", "$$", "=", "no", "'", "\u001b", "\ufffd"];
        string[] names = ["mynetworks", "smtpd_timeout", "a", "smtpd_client_event_limit_exceptions", "smtpd_hard_error_limit", "inet_interfaces", "smtpd_relay_restrictions", "myhostname", "mydomain", "syslog_name", "smtpd_forbidden_commands", "stress", "x"];
        string Value() => string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => words[random.Next(words.Length)]));
        var main = string.Concat(names.Select(name => $"{name} = {Value()}\n"));
        var (status, lines, _) = Import(main, $"smtp inet n - y - - smtpd -o smtpd_timeout={Value().Replace(" ", "", StringComparison.Ordinal).Replace("{", "", StringComparison.Ordinal)}\n");
        Assert.That(status, Is.Zero, main);
        File.WriteAllText(Path.Combine(_directory, "out.cf"), string.Join('\n', lines));
        Assert.That(ShieldConfiguration.Load(Path.Combine(_directory, "out.cf"), []).Errors, Is.Empty, main);
    }

    [TestCase("mynetworks = ")]
    [TestCase("smtpd_banner = ")]
    [TestCase("smtpd_hard_error_limit = ${")]
    public void Import_LongLine_IsRead(string start)
    {
        var value = new StringBuilder(start);
        while (value.Length < 10_000_000)
            value.Append("192.0.2.1, ");
        Assert.That(Import(value + "\n", Service + "x inet n - y - - smtpd -o { a = " + value.Replace("{", "") + "}\n").Status, Is.Zero);
    }

    [Test]
    public void Import_ToFile_IsWhole()
    {
        File.WriteAllText(MainCf, "");
        File.WriteAllText(MasterCf, Service);
        var target = Path.Combine(_directory, "shield.cf");
        var (status, output, _) = Run(_directory, "-o", target);
        Assert.That((status, output), Is.EqualTo((0, "")));
        Check(File.ReadAllText(target));
        if (!OperatingSystem.IsWindows())
            Assert.That(File.GetUnixFileMode(target), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead));
        Assert.That(Directory.GetFiles(_directory), Has.Length.EqualTo(3));
    }

    [Test]
    public void Import_ToFileThatExists_LeavesItWithoutForce()
    {
        File.WriteAllText(MainCf, "");
        File.WriteAllText(MasterCf, Service);
        var target = Path.Combine(_directory, "shield.cf");
        File.WriteAllText(target, "mine\n");
        Assert.That(Run(_directory, "-o", target), Is.EqualTo((1, "", (string[])[$"error: {target}: exists already and was left as it is; give another name, or --force to replace it", "nothing was written"])));
        Assert.That(File.ReadAllText(target), Is.EqualTo("mine\n"));
        Assert.That(Run(_directory, "-o", target, "--force").Status, Is.Zero);
        Check(File.ReadAllText(target));
    }

    [TestCase("/dev/null", "/dev/null: is not a regular file; leave -o out for standard output")]
    [TestCase("/", "/: is a directory; name a file in it")]
    [TestCase("/nonexistent/a.cf", "/nonexistent/a.cf: No such file or directory")]
    public void Import_ToWhatIsNoFile_SaysWhy(string target, string expected)
    {
        File.WriteAllText(MainCf, "");
        File.WriteAllText(MasterCf, Service);
        var (status, _, errors) = Run(_directory, "-o", target, "--force");
        Assert.That((status, errors[^2]), Is.EqualTo((1, $"error: {expected}")));
    }
}
