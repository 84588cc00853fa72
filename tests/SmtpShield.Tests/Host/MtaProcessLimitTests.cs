using SmtpShield.Host.Commands;
using SmtpShield.Options;

namespace SmtpShield.Tests.Host;

/// <summary>The processes a Postfix on this host may have for the shield's clients, against the sessions the shield holds.</summary>
public sealed class MtaProcessLimitTests
{
    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [TestCase("127.0.0.1:10025 inet n - y - 100 smtpd", "", 100, 1, "")]
    [TestCase("127.0.0.1:10025 inet n - y - 100 smtpd", "", 101, 1, "the shield holds 101 sessions, "
        + "127.0.0.1:10025 only 100 (maxproc of 127.0.0.1:10025 in {master}): the others wait there for a greeting")]
    [TestCase("10025 inet n - y - - smtpd", "", 101, 1, "the shield holds 101 sessions, 127.0.0.1:10025 only 100 (maxproc of 10025 in {master}): "
        + "the others wait there for a greeting")]
    [TestCase("10025 inet n - y - - smtpd", "default_process_limit = 500", 101, 1, "")]
    [TestCase("10025 inet n - y - 0 smtpd", "", 10000, 1, "")]
    [TestCase("10026 inet n - y - 1 smtpd", "", 10000, 1, "")]
    [TestCase("10025 inet n - y - 100 smtpd", "", 60, 2, "the shield holds 120 sessions, 127.0.0.1:10025 only 100 (maxproc of 10025 in {master}): "
        + "the others wait there for a greeting")]
    public void ProblemsOf_LocalPostfix_IsWarnedOfWhenItServesFewer(string entry, string main, int limit, int services, string expected)
    {
        File.WriteAllText(Path.Combine(_directory, "main.cf"), main + "\n");
        File.WriteAllText(Path.Combine(_directory, "master.cf"), $"smtp inet n - y - - smtpd\n{entry}\n");

        Assert.That(ProblemsOf(limit, services, "127.0.0.1"), Is.EqualTo(
            expected.Length > 0 ? [expected.Replace("{master}", Path.Combine(_directory, "master.cf"), StringComparison.Ordinal)] : Array.Empty<string>()));
        Assert.That(ProblemsOf(limit, services, "192.0.2.1"), Is.Empty, "another host's Postfix has other files");
    }

    [Test]
    public void ProblemsOf_NoPostfix_SaysNothing() => Assert.That(ProblemsOf(10000, 1, "127.0.0.1"), Is.Empty);

    private IEnumerable<string> ProblemsOf(int limit, int services, string host)
    {
        var options = new ShieldOptions { Listener = new() { DefaultProcessLimit = limit }, Upstream = new() { Destinations = [new(host, 10025)] } };
        return MtaProcessLimit.ProblemsOf(options with { Services = Enumerable.Range(0, services).ToDictionary(number => $"service{number}", _ => options) },
            _directory).Select(problem => problem.Message);
    }
}
