using System.CommandLine;
using System.Globalization;
using System.Text;
using SmtpShield.Host.Commands;
using SmtpShield.Host.Import;
using SmtpShield.Options;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Lists;

namespace SmtpShield.Tests.Options;

/// <summary>Whatever is in a configuration, reading it ends, soon, and with a result: an exception would be the end of a shield that serves clients.</summary>
[TestFixture]
public sealed class AnyConfigurationTests
{
    private string _directory = "";
    private string _path = "";

    [SetUp]
    public void MakeDirectory()
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-any-").FullName;
        _path = Path.Combine(_directory, "main.cf");
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    private ShieldConfigurationResult Read(string text)
    {
        File.WriteAllText(_path, text);
        var result = ShieldConfiguration.Load(_path, []);
        AssertIsJudged(result, text);
        return result;
    }

    // The net below the parsers catches what they throw; nothing should fall into it.
    private static void AssertIsJudged(ShieldConfigurationResult result, string what)
    {
        Assert.That(result.Problems.Select(problem => problem.ToString()), Has.None.Contains("cannot be evaluated"), what);
        Assert.That(result.Options is null, Is.EqualTo(result.Errors.Any()), what);
        Assert.That(result.Problems, Has.Count.LessThan(1100), what);
    }

    [Test, CancelAfter(120_000)]
    public void Read_AnyFile_EndsWithAResult([Range(0, 9)] int group, CancellationToken cancellationToken)
    {
        for (var seed = group * 1000; seed < (group * 1000) + 150; seed++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            File.WriteAllBytes(_path, new AnyConfiguration(seed).MainCf());
            AssertIsJudged(ShieldConfiguration.Load(_path, []), $"seed {seed}");
        }
    }

    [Test, CancelAfter(120_000)]
    public void Commands_AnyFile_EndWithAStatus([Range(0, 4)] int group, CancellationToken cancellationToken)
    {
        for (var seed = group * 1000; seed < (group * 1000) + 40; seed++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var any = new AnyConfiguration(seed);
            File.WriteAllBytes(_path, any.MainCf());
            File.WriteAllBytes(Path.Combine(_directory, "master.cf"), any.MasterCf());
            var (said, asked) = (new StringWriter(CultureInfo.InvariantCulture), $"seed {seed}");
            foreach (string[] arguments in (string[][])[["check", "-c", _path], ["postconf", "-c", _path], ["postconf", "-c", _path, "-n", "-x"],
                ["postconf", "-c", _path, "-P"], ["import", _directory]])
            {
                var root = new RootCommand { CheckCommand.Create(), PostconfCommand.Create(), ImportCommand.Create() };
                Assert.That(() => root.Parse(arguments).Invoke(new() { Output = said, Error = said, EnableDefaultExceptionHandler = false }),
                    Is.Zero.Or.EqualTo(1), $"{asked}: {string.Join(' ', arguments)}");
            }
        }
    }

    [Test, CancelAfter(120_000)]
    public void Parse_AnyListOfCommands_IsReadOrAFormatException([Range(0, 3)] int group, CancellationToken cancellationToken)
    {
        for (var seed = group * 10_000; seed < (group * 10_000) + 2000; seed++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var value = "regexp:{{" + new AnyConfiguration(seed).Value() + "}}";
            try
            {
                ForbiddenCommandsParser.Parse(value).Contains(Encoding.ASCII.GetBytes(new string('a', 64)));
            }
            catch (FormatException exception)
            {
                Assert.That(exception.Message, Is.Not.Empty, value);
            }
        }
    }

    // Found in a configuration that ended the process: an expression that needs backtracking.
    [TestCase("/^(?!QUIT)X/ y")]
    [TestCase("/(?=QUIT)X/ y")]
    [TestCase("/(?<=A)X/ y")]
    [TestCase("/(?<!A)X/ y")]
    [TestCase("/(?>A)X/ y")]
    [TestCase("/(A)\\1/ y")]
    [TestCase("/(?(A)B|C)/ y")]
    [TestCase("/(((a{1000}){1000}){1000}){1000}/ y")]
    public void Read_ExpressionTheEngineCannotRun_IsAnErrorThatNamesIt(string rule) => Assert.That(
        Read($"smtpd_forbidden_commands = regexp:{{{{{rule}}}}}\n").Errors.Select(problem => problem.ToString()),
        Has.One.Contains($"line 1: smtpd_forbidden_commands: not an expression the shield can run: {rule}; write it without (?=, "));

    [TestCase("regexp:{{/[/ x}}", "not an expression: /[/ x; ")]
    [TestCase("regexp:{{/x/q y}}", "unknown flag q in /x/q y; only i is read")]
    [TestCase("regexp:/etc/file", "unsupported table: regexp:/etc/file; only inline tables are read")]
    [TestCase("pcre:{{/x/ y}}", "unsupported table: pcre:{{/x/ y}}; write words")]
    [TestCase("cidr:{{10.0.0.0/8 y}}", "unsupported table: cidr:{{10.0.0.0/8 y}}; write words")]
    public void Read_TableThatIsNotRead_IsAnErrorThatSaysWhatIs(string value, string message) => Assert.That(
        Read($"smtpd_forbidden_commands = {value}\n").Errors.Select(problem => problem.ToString()), Has.One.Contains($"smtpd_forbidden_commands: {message}"));

    private static IEnumerable<TestCaseData> Large()
    {
        const int Size = 12_000_000;
        yield return new TestCaseData(string.Concat(Enumerable.Repeat("junk\n", Size / 5))).SetArgDisplayNames("lines without =");
        yield return new TestCaseData(string.Concat(Enumerable.Repeat("\0\n", Size / 2))).SetArgDisplayNames("null bytes");
        yield return new TestCaseData(string.Concat(Enumerable.Range(0, Size / 16).Select(i => $"smtpd_x{i} = y\n"))).SetArgDisplayNames("unknown names");
        yield return new TestCaseData("smtpd_timeout = " + new string('5', Size)).SetArgDisplayNames("a number");
        yield return new TestCaseData("smtpd_forbidden_commands = " + string.Concat(Enumerable.Repeat("regexp:{{/a/ b}} ", Size / 17)))
            .SetArgDisplayNames("expressions");
        yield return new TestCaseData("smtpd_forbidden_commands = regexp:{{/" + new string('(', Size) + "/ b}}").SetArgDisplayNames("one expression");
        yield return new TestCaseData("shield_services = " + string.Join(' ', Enumerable.Range(0, Size / 9).Select(i => $"s{i}")))
            .SetArgDisplayNames("services");
        yield return new TestCaseData("mynetworks = " + string.Concat(Enumerable.Repeat("10.0.0.1/33 ", Size / 12))).SetArgDisplayNames("wrong networks");
        yield return new TestCaseData("a = " + string.Concat(Enumerable.Repeat("${a?{", Size / 5))).SetArgDisplayNames("open references");
        yield return new TestCaseData("myhostname = " + string.Concat(Enumerable.Repeat("$$a", Size / 3))).SetArgDisplayNames("dollars");
    }

    [TestCaseSource(nameof(Large)), CancelAfter(120_000)]
    public void Read_LargeFile_EndsAndSaysWhatIsWrong(string text, CancellationToken cancellationToken) =>
        Assert.That(Task.Run(() => Read(text).Problems.ToArray(), cancellationToken).WaitAsync(cancellationToken).GetAwaiter().GetResult(), Is.Not.Empty);

    // Each of a thousand names would be the same twelve megabytes, and each service would read them again.
    [Test, CancelAfter(120_000)]
    public void Read_LargeListNamedOftenByManyServices_IsReadOnce(CancellationToken cancellationToken)
    {
        var list = Path.Combine(_directory, "list");
        File.WriteAllText(list, string.Concat(Enumerable.Repeat("# nothing of use\n", 700_000)));
        var services = Enumerable.Range(0, 50).Select(i => $"s{i}").ToArray();
        var text = $"shield_services = {string.Join(' ', services)}\nmynetworks = {string.Join(' ', Enumerable.Repeat(list, 100))}\n"
            + string.Concat(services.Select((service, i) => $"{service}/inet/shield_listen = 127.0.0.1:{3000 + i}\n"));
        var result = Task.Run(() => Read(text), cancellationToken).WaitAsync(cancellationToken).GetAwaiter().GetResult();
        Assert.That(result.Errors, Is.Empty);
    }

    [Test, CancelAfter(60_000)]
    public void Import_AnyMasterCfOfManyLines_Ends(CancellationToken cancellationToken)
    {
        File.WriteAllText(_path, "myhostname = mail.example.com\n");
        File.WriteAllText(Path.Combine(_directory, "master.cf"), string.Concat(Enumerable.Range(0, 400_000).Select(i => $"{i} inet n - n - - smtpd\n")));
        var files = Task.Run(() => PostfixFiles.Read(_directory), cancellationToken).WaitAsync(cancellationToken).GetAwaiter().GetResult();
        Assert.That(files.Problems.Select(problem => problem.Severity), Has.Member(ProblemSeverity.Error));
    }

    [Test]
    public void Defaults_OfEveryParameter_AreReadWithoutAProblem() =>
        Assert.That(Read(string.Concat(ParameterCatalog.All.Values.Where(definition => definition.DefaultText is not null)
            .Select(definition => $"{definition.Name} = {definition.DefaultText}\n"))).Errors, Is.Empty);
}
