using System.CommandLine;
using System.Text.RegularExpressions;
using SmtpShield.Host.Commands;

namespace SmtpShield.PostfixTests.Options;

/// <summary>The same main.cf and the same arguments, to Postfix's postconf(1) and to ours: same output, same status, same warnings.</summary>
[TestFixture, Category("Postfix"), FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.Children)]
public sealed class PostconfComparisonTests
{
    // Names both know, with the same default; what differs by design (mynetworks_style, syslog_name, …) is not asked for.
    private const string Names = "smtpd_soft_error_limit smtpd_error_sleep_time smtpd_hard_error_limit smtpd_junk_command_limit smtpd_timeout "
        + "anvil_rate_time_unit line_length_limit myhostname";

    private string _directory = "";

    [SetUp]
    public void MakeDirectory()
    {
        if (!RealPostconf.IsInstalled)
            Assert.Ignore("Postfix is not installed: /usr/sbin/postconf is missing");
        _directory = Directory.CreateTempSubdirectory().FullName;
        File.WriteAllText(Path.Combine(_directory, "master.cf"), "smtp inet n - y - - smtpd\n");
    }

    [TearDown]
    public void RemoveDirectory()
    {
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    private string MainCf => Path.Combine(_directory, "main.cf");

    private static PostconfOutcome RunOurs(string directory, IEnumerable<string> arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var root = new RootCommand { PostconfCommand.Create() };
        var status = root.Parse(["postconf", "-c", directory, .. arguments], new ParserConfiguration { ResponseFileTokenReplacer = null })
            .Invoke(new InvocationConfiguration { Output = output, Error = error });
        return new PostconfOutcome(status, output.ToString(), error.ToString());
    }

    private void Compare(string text, string[] arguments)
    {
        File.WriteAllText(MainCf, text);
        var expected = RealPostconf.Run(_directory, arguments);
        var actual = RunOurs(_directory, arguments);
        Assert.Multiple(() =>
        {
            Assert.That(actual.Output, Is.EqualTo(expected.Output.Replace($"config_directory = {_directory}\n", "", StringComparison.Ordinal)
                .Replace("config_directory\n", "", StringComparison.Ordinal).Replace($"{_directory}\n", "", StringComparison.Ordinal)));
            Assert.That(actual.Status, Is.EqualTo(expected.Status), expected.Error + actual.Error);
            // Ours gives the line of an indented first line, too.
            Assert.That(actual.Warnings.Select(line => Regex.Replace(line, ", line [0-9]+: logical line", ": logical line")), Is.SubsetOf(expected.Warnings));
            Assert.That(actual.Warnings.Any(), Is.EqualTo(expected.Warnings.Any()), expected.Error);
        });
    }

    [TestCase("")]
    [TestCase("smtpd_soft_error_limit = 3\nsmtpd_error_sleep_time=5s\nsmtpd_hard_error_limit =   7  \n")]
    [TestCase("# comment\n\nmyhostname = a.example.com\n# c\n")]
    [TestCase("myhostname = a\n   b   c\n# c\n\n   d\n\te\nsmtpd_timeout = 1\n")]
    [TestCase("smtpd_timeout\n = 5\n")]
    [TestCase("smtpd_timeout =\n 5\n")]
    [TestCase("smtpd_timeout = \n")]
    [TestCase("smtpd_timeout = 5")]
    [TestCase("smtpd_timeout = 5\r\nmyhostname = x\r\n")]
    [TestCase("smtpd_timeout = 1 # comment\n")]
    [TestCase("myhostname = \"a b\"\n")]
    [TestCase("myhostname = a=b = c\n")]
    [TestCase("  smtpd_timeout = 1\nmyhostname = x\n")]
    [TestCase("\n\t\n  x = 1\n  y\nmyhostname = x\n")]
    [TestCase("myhostname = x\nfoo\n")]
    [TestCase("= x\n")]
    [TestCase("myhostname = x\n foo\nbar baz\n  qux\n")]
    [TestCase("smtpd_timeout = 1\nsmtpd_timeout = 2\n")]
    [TestCase("smtpd_timeout = 1\nsmtpd_timeout = 1\n")]
    [TestCase("SMTPD_TIMEOUT = 1\n")]
    [TestCase("foo = 1\nbar = 2\nmyhostname = $bar\n")]
    [TestCase("foo = 1\nbar = ${foo}\n")]
    [TestCase("myhostname = $$x\n")]
    [TestCase("myhostname = $nosuch\n")]
    [TestCase("myhostname = ${nosuch?x}${stress:y}\n")]
    public void Print_MainCf_IsTheSame(string text)
    {
        Compare(text, Names.Split(' '));
        Compare(text, ["-n"]);
        Compare(text, ["-nh"]);
        Compare(text, ["-nH"]);
        Compare(text, ["-nx"]);
        Compare(text, ["-x", .. Names.Split(' ')]);
        Compare(text, ["-hx", "-o", "stress=yes", .. Names.Split(' ')]);
    }

    [TestCase("$myhostname")]
    [TestCase("${myhostname} $(myhostname) ${ myhostname }")]
    [TestCase("$myhostname.x $myhostname-y $myhostname_")]
    [TestCase("${a?x} ${e?x} ${a:x} ${e:x} ${none?x} ${none:x}")]
    [TestCase("${a?x:y} ${a?{x}:{y}} ${e?{x}:{y}} ${e?{x}:y z}")]
    [TestCase("[${a?{ x }:{y}}] [${a ? {x} : {y} }] [${a ?x y }]")]
    [TestCase("$(a?x) $(e:y) $(a?{x}:{y})")]
    [TestCase("${{9} < {10} ? {x} : {y}} ${{10a} < {9a} ? {x} : {y}}")]
    [TestCase("${{$a} == {A}} [${{$a} != {A}}] ${{1} <= {1}?yes} ${{1} >= {2}:no} ${{b} > {a} ? {x}}")]
    [TestCase("${{ $a } == { A }} ${{} == {} ? {x} : {y}}")]
    [TestCase("${{3.10} >level {3.9} ? {x} : {y}} ${{1} <level {2}}")]
    [TestCase("${a?{${e?{1}:{2}}}:{y}} $b $c")]
    [TestCase("$$a $$$a $${a}")]
    [TestCase("${a")]
    [TestCase("$(a}")]
    [TestCase("${}")]
    [TestCase("$()")]
    [TestCase("x $ y")]
    [TestCase("x$")]
    [TestCase("${a.b}")]
    [TestCase("${a b}")]
    [TestCase("${a!b}")]
    [TestCase("${a?{x}y}")]
    [TestCase("${a?{x}:{y}z}")]
    [TestCase("${e:{x}z}")]
    [TestCase("${{a} == {b}z}")]
    [TestCase("${{a}}")]
    [TestCase("${{a} = {b}}")]
    [TestCase("${{a} == b}")]
    [TestCase("${{a} ==foo {b}}")]
    [TestCase("${{a")]
    [TestCase("${a?{x}")]
    [TestCase("x$syslog_name")]
    public void Expand_Value_IsTheSame(string value) =>
        Compare($"a = A\ne =\nb = $a$a\nc = ${{b?$b-}}\nuse = $a$e$b$c\nmyhostname = m.example.com\nsyslog_name = {value}\nmaillog_file = $use\n",
            ["-x", "syslog_name"]);

    // By design; the parameters' pages say the same.
    private static readonly Dictionary<string, string> OtherDefaults = new()
    {
        ["default_process_limit"] = "sessions here cost no process",
        ["mynetworks"] = "computed by mynetworks_style",
        ["mynetworks_style"] = "the host, as compatibility_level 2 has it",
        ["smtpd_forbid_bare_newline"] = "on in later versions",
        ["smtpd_forbid_unauth_pipelining"] = "on from 3.9 on",
        ["smtpd_peername_lookup"] = "a look-up for each connection is the attacker's to ask for",
        ["smtpd_tls_mandatory_protocols"] = "TLS before 1.2 is not served",
        ["smtpd_tls_protocols"] = "TLS before 1.2 is not served",
        ["smtpd_tls_security_level"] = "computed: may with a certificate",
        ["syslog_name"] = "another program",
        ["smtpd_client_ipv6_prefix_length"] = "one network of 64 bits is 2^20 clients with Postfix's 84 (from 3.8 on)",
    };

    [Test]
    public void Default_OfWhatPostfixHasToo_IsTheSameOrListed()
    {
        File.WriteAllText(MainCf, "");
        var names = Values(RunOurs(_directory, ["-d"]).Output).Keys.Where(static name => !name.StartsWith("shield_", StringComparison.Ordinal)).ToArray();
        var ours = Values(RunOurs(_directory, ["-d", .. names]).Output);
        var postfixs = Values(RealPostconf.Run(_directory, ["-d", .. names]).Output);
        var different = ours.Where(ours => postfixs.TryGetValue(ours.Key, out var value) && value != ours.Value).Select(static ours => ours.Key);

        Assert.That(different.Except(OtherDefaults.Keys), Is.Empty);

        static Dictionary<string, string> Values(string output) =>
            output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => line.Split(" =", 2)).Where(static parts => parts.Length == 2)
                .ToDictionary(static parts => parts[0], static parts => parts[1].Trim());
    }

    [TestCase("smtpd_timeout", "nosuch", "smtpd_hard_error_limit")]
    [TestCase("-d", "smtpd_timeout", "smtpd_client_event_limit_exceptions", "smtpd_client_connection_count_limit", "smtpd_client_connection_rate_limit",
        "smtpd_recipient_overshoot_limit", "maillog_file", "syslog_facility", "stress", "smtpd_client_connection_limit_exceptions")]
    [TestCase("-dh", "smtpd_timeout", "stress")]
    [TestCase("-dx", "smtpd_timeout", "mydomain", "myhostname")]
    [TestCase("-df", "smtpd_client_event_limit_exceptions")]
    [TestCase("-dH", "smtpd_timeout")]
    [TestCase("-d", "nosuch")]
    [TestCase("-x", "-o", "smtpd_client_connection_limit_exceptions=10.0.0.1", "smtpd_client_event_limit_exceptions")]
    [TestCase("-o", "mynetworks=10.0.0.1", "-hx", "smtpd_client_event_limit_exceptions")]
    [TestCase("-o", "stress=yes", "-x", "smtpd_timeout", "smtpd_hard_error_limit", "smtpd_junk_command_limit")]
    [TestCase("-o", "stress=", "-x", "smtpd_timeout")]
    [TestCase("-o", "foo=1", "smtpd_timeout")]
    [TestCase("-o", "foo", "smtpd_timeout")]
    [TestCase("-o", "smtpd_timeout=1", "-o", "smtpd_timeout = 2", "smtpd_timeout")]
    [TestCase("-o", "smtpd_timeout=1", "-n")]
    [TestCase("-d", "-n")]
    [TestCase("-h", "-H", "smtpd_timeout")]
    [TestCase("-e", "-X", "smtpd_timeout")]
    [TestCase("-x", "-e", "smtpd_timeout=1")]
    [TestCase("-d", "-o", "a=b")]
    [TestCase("-e")]
    [TestCase("-X")]
    [TestCase("-#")]
    [TestCase("-e", "foo")]
    [TestCase("-e", "=foo")]
    [TestCase("-e", "#foo=1")]
    [TestCase("-X", "foo=1")]
    [TestCase("-#", " ")]
    public void Print_Arguments_DoTheSame(params string[] arguments) => Compare("myhostname = m.example.com\n", arguments);

    [Test]
    public void Print_LongValueFolded_IsTheSame([Values(74, 75, 76, 79, 80, 81)] int length) =>
        Compare($"syslog_name = {string.Join(' ', Enumerable.Repeat("word", 40))} {new string('x', length)} y\n", ["-f", "syslog_name"]);

    [Test]
    public void Print_NoFile_FailsWithTheSameWords()
    {
        var expected = RealPostconf.Run(_directory, ["smtpd_timeout"]);
        var actual = RunOurs(_directory, ["smtpd_timeout"]);
        Assert.That((actual.Status, actual.Error), Is.EqualTo((expected.Status, expected.Error)));
    }

    private static readonly string[] Files =
    [
        "",
        "a = 1\n",
        "a=1",
        "# a = 0\na = 1\n\n# b\nb = 2\n",
        "a = 1\n  x\n# c\n\n  y\nb = 2\n  z\n",
        "a = 1\nb = 2\na = 3\n b\na = 4\n",
        "  a = 1\na = 2\n",
        "A = 1\naa = 2\na.b = 3\n",
        "a\n = 1\n",
        "a = caf\u00e9\r\nb = x\r\n",
    ];

    private static readonly string[][] Edits =
    [
        ["-e", "a=9"],
        ["a=9"],
        ["-e", " a  =  9 8  7 "],
        ["-e", "a="],
        ["-e", "a=1", "=3"],
        ["-e", "a=1", "a=2"],
        ["-e", "a=1", "a=1"],
        ["-e", "a=$b é"],
        ["-X", "a"],
        ["-X", "a", "b"],
        ["-X", "nosuch"],
        ["-#", "a"],
        ["-#", "b", "a"],
    ];

    [TestCaseSource(nameof(Files))]
    public void Edit_MainCf_LeavesTheSameOctets(string text)
    {
        foreach (var arguments in Edits)
        {
            File.WriteAllText(MainCf, text);
            var expected = RealPostconf.Run(_directory, arguments);
            var expectedFile = File.ReadAllBytes(MainCf);
            File.WriteAllText(MainCf, text);
            var actual = RunOurs(_directory, arguments);
            var what = string.Join(' ', arguments);
            Assert.That(File.ReadAllBytes(MainCf), Is.EqualTo(expectedFile), what);
            Assert.That((actual.Status, actual.Error, actual.Output), Is.EqualTo((expected.Status, expected.Error, expected.Output)), what);
        }
    }

    [Test]
    public void Edit_Octets_SurviveThatAreNotUtf8()
    {
        File.WriteAllBytes(MainCf, [.. "x = "u8, 0xff, 0xfe, 0x80, .. "\na = 1\n"u8]);
        RunOurs(_directory, ["-e", "a=2"]);
        Assert.That(File.ReadAllBytes(MainCf), Is.EqualTo((byte[])[.. "x = "u8, 0xff, 0xfe, 0x80, .. "\na = 2\n"u8]));
    }
}
