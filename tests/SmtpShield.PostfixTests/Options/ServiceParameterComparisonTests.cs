using System.CommandLine;
using System.Text.RegularExpressions;
using SmtpShield.Host.Commands;

namespace SmtpShield.PostfixTests.Options;

/// <summary>
/// The same services, to Postfix in master.cf and to us in main.cf, and the same arguments of <c>postconf -P</c>: same output, same status, same warnings.
/// </summary>
[TestFixture, Category("Postfix"), FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.Children)]
public sealed class ServiceParameterComparisonTests
{
    private const string Master = """
        smtp inet n - y - - smtpd
        submission inet n - y - - smtpd
          -o smtpd_timeout=9 -o mine=5 -o { smtpd_forbidden_commands = a  b $mine }
        2525 inet n - y - - smtpd -o smtpd_timeout=5

        """;

    private const string Main = """
        mine = 7
        shield_services = smtp submission 2525
        2525/inet/smtpd_timeout = 5
        submission/inet/smtpd_timeout = 9
        submission/inet/mine = 5
        submission/inet/smtpd_forbidden_commands = a  b $mine

        """;

    private string _directory = "";
    private string _ours = "";

    [SetUp]
    public void MakeDirectories()
    {
        if (!RealPostconf.IsInstalled)
            Assert.Ignore("Postfix is not installed: /usr/sbin/postconf is missing");
        _directory = Directory.CreateTempSubdirectory().FullName;
        _ours = Directory.CreateTempSubdirectory().FullName;
        File.WriteAllText(Path.Combine(_directory, "main.cf"), "mine = 7\n");
        File.WriteAllText(Path.Combine(_directory, "master.cf"), Master);
        // Postfix reads a file again and again until it is older than a second.
        File.SetLastWriteTimeUtc(Path.Combine(_directory, "master.cf"), DateTime.UnixEpoch);
        File.WriteAllText(Path.Combine(_ours, "main.cf"), Main);
    }

    [TearDown]
    public void RemoveDirectories()
    {
        foreach (var directory in ((string[])[_directory, _ours]).Where(directory => directory.Length > 0))
            Directory.Delete(directory, recursive: true);
    }

    private static PostconfOutcome RunOurs(string directory, IEnumerable<string> arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var root = new RootCommand { PostconfCommand.Create() };
        var status = root.Parse(["postconf", "-c", directory, .. arguments], new ParserConfiguration { ResponseFileTokenReplacer = null })
            .Invoke(new InvocationConfiguration { Output = output, Error = error });
        return new PostconfOutcome(status, output.ToString(), error.ToString());
    }

    private void Compare(params string[] arguments)
    {
        var expected = RealPostconf.Run(_directory, arguments);
        var actual = RunOurs(_ours, arguments);
        // Ours names the other file, and which service's it is.
        var error = Regex.Replace(actual.Error, $"{Regex.Escape(_ours)}/main.cf: unused parameter: [^/]*/inet/", $"{_directory}/master.cf: unused parameter: ");
        Assert.That((actual.Output, error, actual.Status), Is.EqualTo((expected.Output, expected.Error, expected.Status)), string.Join(' ', arguments));
    }

    [TestCase("-P")]
    [TestCase("-P", "submission")]
    [TestCase("-P", "submission/inet")]
    [TestCase("-P", "submission/inet/mine")]
    [TestCase("-P", "submission/*/*")]
    [TestCase("-P", "*/inet/smtpd_timeout")]
    [TestCase("-P", "*/*/mine", "2525")]
    [TestCase("-P", "2525", "submission")]
    [TestCase("-P", "SUBMISSION")]
    [TestCase("-P", "nosuch", "submission/unix", "submission/inet/nosuch", "smtp")]
    [TestCase("-P", "a/b/c/d")]
    [TestCase("-P", "")]
    [TestCase("-P", "submission//mine")]
    [TestCase("-Ph")]
    [TestCase("-PH", "submission")]
    [TestCase("-Px")]
    [TestCase("-Pxh", "submission")]
    [TestCase("-Pf")]
    [TestCase("-Pn")]
    [TestCase("-Pd")]
    public void Print_Services_IsTheSame(params string[] arguments) => Compare(arguments);

    [TestCase("-Pe", "submission/inet/mine=9")]
    [TestCase("-P", "submission/inet/mine=9")]
    [TestCase("-Pe", "submission/inet/mine = 9", "submission/inet/mine=10", "2525/inet/mine=")]
    [TestCase("-Pe", "*/inet/mine=4")]
    [TestCase("-Pe", "submission/*/smtpd_timeout=4")]
    [TestCase("-Pe", "nosuch/inet/mine=4")]
    [TestCase("-Pe", "submission/unix/mine=4", "smtp/inet/mine=3")]
    [TestCase("-Pe", "submission/inet=1")]
    [TestCase("-Pe", "submission/inet/=1")]
    [TestCase("-Pe", "a/b/c/d=1")]
    [TestCase("-Pe", "submission/inet/*=1")]
    [TestCase("-Pe", "submission/inet/mine")]
    [TestCase("-Pe")]
    [TestCase("-PX")]
    [TestCase("-PX", "submission/inet/mine")]
    [TestCase("-PX", "submission/inet/mine", "2525/inet/smtpd_timeout")]
    [TestCase("-PX", "*/*/smtpd_timeout")]
    [TestCase("-PX", "submission/inet/nosuch")]
    [TestCase("-PX", "nosuch/inet/mine")]
    [TestCase("-PX", "submission/inet")]
    [TestCase("-PX", "submission/inet/*")]
    [TestCase("-PX", "submission/inet/mine=1")]
    [TestCase("-P#", "submission/inet/mine")]
    public void Edit_Services_HaveTheSameParametersAfterwards(params string[] arguments)
    {
        Compare(arguments);
        File.SetLastWriteTimeUtc(Path.Combine(_directory, "master.cf"), DateTime.UnixEpoch);
        Compare("-P");
    }

    [Test]
    public void Edit_ServicesOfOurs_TouchesNothingElse()
    {
        Assert.That(RunOurs(_ours, ["-Pe", "submission/inet/mine = 6 and more", "smtp/inet/smtpd_soft_error_limit=2"]).Status, Is.Zero);
        var path = Path.Combine(_ours, "main.cf");
        Assert.That(File.ReadAllText(path), Is.EqualTo(Main.Replace("submission/inet/mine = 5", "submission/inet/mine = 6 and more", StringComparison.Ordinal)
            + "smtp/inet/smtpd_soft_error_limit = 2\n"));
    }

    [Test]
    public void Delete_OfAServiceThatIsGone_IsPossible()
    {
        RunOurs(_ours, ["-e", "shield_services=smtp 2525"]);
        Assert.That(RunOurs(_ours, ["-PX", "submission/inet/mine"]), Is.EqualTo(new PostconfOutcome(0, "", "")));
        Assert.That(RunOurs(_ours, ["-P", "submission/inet/mine"]).Output, Is.Empty);
        Assert.That(RunOurs(_ours, ["-Pe", "submission/inet/mine=1"]).Error,
            Is.EqualTo("postconf: warning: unmatched service_name/type: \"submission/inet/mine=1\"\n"));
    }

    [TestCase("-n")]
    [TestCase]
    public void Print_WithoutP_HasTheLinesOfServices(params string[] arguments) =>
        Assert.That(RunOurs(_ours, arguments).Output, Does.Contain("\nsubmission/inet/mine = 5\n"));

    [Test]
    public void Print_ExpandedByName_IsAsTheServiceHasIt() =>
        Assert.That(RunOurs(_ours, ["-hx", "submission/inet/smtpd_forbidden_commands"]).Output, Is.EqualTo("a b 5\n"));
}
