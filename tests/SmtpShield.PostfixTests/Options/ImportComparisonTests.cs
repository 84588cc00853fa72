using System.CommandLine;
using System.Diagnostics;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.MasterCf;
using SmtpShield.Testing;
using SmtpShield.Testing.Tls;

namespace SmtpShield.PostfixTests.Options;

/// <summary>
/// The same directory to Postfix's postconf(1) and to our readers: the same settings. And the commands that an import ends with, to Postfix's postconf(1).
/// </summary>
[TestFixture, Category("Postfix")]
public sealed class ImportComparisonTests
{
    private string _directory = "";

    [SetUp]
    public void MakeDirectory()
    {
        if (!RealPostconf.IsInstalled)
            Assert.Ignore("Postfix is not installed: /usr/sbin/postconf is missing");
        _directory = Directory.CreateTempSubdirectory().FullName;
    }

    [TearDown]
    public void RemoveDirectory()
    {
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    private static string Samples => Path.Combine(Repository.Root, "tests", "SmtpShield.Tests", "Host", "Postfix");

    private void Copy(string name)
    {
        foreach (var file in (string[])["main.cf", "master.cf"])
            File.WriteAllText(Path.Combine(_directory, file),
                File.ReadAllText(Path.Combine(Samples, name, file)).Replace("/etc/ssl/mx.pem", Path.Combine(_directory, "mx.pem"), StringComparison.Ordinal));
        File.WriteAllText(Path.Combine(_directory, "mx.pem"), TestCertificate.Make("mx.example.com").Chain);
    }

    // As postconf prints a value.
    private static string Shown(string name, string value) => string.Join(' ', $"{name} = {value}".Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private string[] Postconf(params string[] arguments) => RealPostconf.Run(_directory, arguments).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private IEnumerable<string> Overrides() => MasterCfFile.Read(Path.Combine(_directory, "master.cf")).Entries
        .SelectMany(entry => entry.Overrides.Select(item => Shown($"{entry.Service}/{entry.Type}/{item.Name}", item.Value)));

    [TestCase("debian")]
    [TestCase("elaborate")]
    public void Read_MasterCf_FindsTheOverridesPostconfFinds(string name)
    {
        Copy(name);
        Assert.That(Overrides(), Is.EquivalentTo(Postconf("-P")));
    }

    [TestCase("debian")]
    [TestCase("elaborate")]
    public void Read_MainCf_FindsTheValuesPostconfFinds(string name)
    {
        Copy(name);
        var ours = MainCfFile.Read(Path.Combine(_directory, "main.cf")).Entries.Values.Select(entry => Shown(entry.Name, entry.Value));
        // postconf leaves out what nothing uses, and adds where it read.
        Assert.That(Postconf("-n").Where(line => !line.StartsWith("config_directory", StringComparison.Ordinal)), Is.SubsetOf(ours).And.Not.Empty);
    }

    [TestCase("-o a=b -o { c = d  e } -of=g")]
    [TestCase("-vo a=b -v -o c={d")]
    [TestCase("-o {a={b}} -o { c = }")]
    [TestCase("-o a=b word -o c=d")]
    public void Read_Options_AreThoseOfPostconf(string options)
    {
        File.WriteAllText(Path.Combine(_directory, "main.cf"), "");
        File.WriteAllText(Path.Combine(_directory, "master.cf"), $"smtp inet n - y - - smtpd {options}\n");
        Assert.That(Overrides(), Is.EquivalentTo(Postconf("-P")));
    }

    [TestCase("debian", "127.0.0.1:10025", "smtp")]
    [TestCase("elaborate", "127.0.0.1:10026 127.0.0.1:10027 127.0.0.1:10028 127.0.0.1:10029", "smtp submission smtps 198.51.100.1:2525")]
    public void Commands_OfAnImport_MakeTheInnerServicesAndTakeTheOldOnesAway(string name, string inner, string old)
    {
        Copy(name);
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.That(ImportCommand.Create().Parse([_directory]).Invoke(new InvocationConfiguration { Output = output, Error = error }), Is.Zero);
        var commands = string.Join('\n', output.ToString().Split('\n').Where(line => line.StartsWith("#$ ", StringComparison.Ordinal)).Select(line => line[3..])
            .TakeWhile(line => !line.StartsWith("smtpshield", StringComparison.Ordinal)));
        RunShell(commands);

        var services = Postconf("-M").Select(line => string.Join('/', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..2])).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(services, Is.SupersetOf(inner.Split(' ').Select(service => $"{service}/inet")));
            Assert.That(services.Intersect(old.Split(' ').Select(service => $"{service}/inet")), Is.Empty);
            foreach (var service in inner.Split(' '))
            {
                Assert.That(Postconf("-P"), Is.SupersetOf((string[])[
                    $"{service}/inet/smtpd_upstream_proxy_protocol = haproxy",
                    $"{service}/inet/smtpd_client_connection_count_limit = 0",
                    $"{service}/inet/smtpd_error_sleep_time = 0",
                    $"{service}/inet/stress =",
                ]));
            }
            Assert.That(Postconf("-P"), Does.Contain($"{inner.Split(' ')[0]}/inet/syslog_name = shielded"));
            Assert.That(File.Exists(Path.Combine(_directory, "master.cf.before-smtpshield")));
        });
        if (name == "elaborate")
            Assert.That(Postconf("-P"), Does.Contain("127.0.0.1:10026/inet/smtpd_sender_restrictions = check_sender_access hash:/etc/postfix/senders, permit"));
    }

    private static void RunShell(string commands)
    {
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardError = true, ArgumentList = { "-ec", $"PATH=$PATH:/usr/sbin\n{commands}" } };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, error);
    }

    [Test]
    public void Import_PostfixOfThisHost_PassesCheck()
    {
        if (!File.Exists("/etc/postfix/master.cf"))
            Assert.Ignore("Postfix is not configured: /etc/postfix/master.cf is missing");
        var target = Path.Combine(_directory, "shield.cf");
        using var error = new StringWriter();
        Assert.That(ImportCommand.Create().Parse(["/etc/postfix", "-o", target]).Invoke(new InvocationConfiguration { Output = error, Error = error }),
            Is.Zero, error.ToString());
        Assert.That(ShieldConfiguration.Load(target, []).Problems, Is.Empty);
    }
}
