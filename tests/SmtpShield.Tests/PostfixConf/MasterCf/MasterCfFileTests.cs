using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.MasterCf;

namespace SmtpShield.Tests.PostfixConf.MasterCf;

[TestFixture]
public sealed class MasterCfFileTests
{
    private static MasterCfEntry Single(string text) => MasterCfFile.Parse(text, "master.cf").Entries.Single();

    private static string Overrides(string options) =>
        string.Join('|', Single($"smtp inet n - y - - smtpd {options}\n").Overrides.Select(item => $"{item.Name}={item.Value}"));

    private static IEnumerable<string> Problems(string text) =>
        MasterCfFile.Parse(text, "master.cf").Problems.Select(problem => $"{problem.Severity} {problem}");

    [Test]
    public void Parse_Entry_HasItsColumns()
    {
        var entry = Single("# comment\n\n127.0.0.1:25 inet n - y - 7 smtpd\n# comment\n  -v\n\t-o a=b\n");
        Assert.That((entry.Service, entry.Type, entry.Chroot, entry.ProcessLimit, entry.Command, entry.Line),
            Is.EqualTo(("127.0.0.1:25", "inet", "y", "7", "smtpd", 3)));
        Assert.That((entry.Options, entry.Overrides.Single().Line), Is.EqualTo(((string[])["-v"], 3)));
    }

    [TestCase("-o a=b", "a=b")]
    [TestCase("-oa=b", "a=b")]
    [TestCase("-vo a=b", "a=b")]
    [TestCase("-voa=b", "a=b")]
    [TestCase("-s 5 -o a=b", "a=b")]
    [TestCase("-o {a=b}", "a=b")]
    [TestCase("-o { a = b c, d }", "a=b c, d")]
    [TestCase("-o { a = { b } c }", "a={ b } c")]
    [TestCase("-o a=", "a=")]
    [TestCase("-o a=b=c", "a=b=c")]
    [TestCase("-o a=$b{c", "a=$b{c")]
    [TestCase("-o a=1 -o b=2 -o a=3", "a=1|b=2|a=3")]
    [TestCase("-o a=1 word -o b=2", "a=1")]
    [TestCase("-o a=1 -- -o b=2", "a=1")]
    [TestCase("", "")]
    public void Parse_Options_AreOverrides(string options, string expected) => Assert.That(Overrides(options), Is.EqualTo(expected));

    [TestCase("smtp inet n - y - smtpd", "Error master.cf, line 1: bad field count: \"smtp inet n - y - smtpd\" (a service has eight columns: "
        + "service type private unpriv chroot wakeup maxproc command)")]
    [TestCase("smtp tcp n - y - - smtpd", "Warning master.cf, line 1: invalid type field \"tcp\": \"smtp tcp n - y - - smtpd\" (the service is left out; "
        + "write inet, unix, fifo, unix-dgram or pass)")]
    [TestCase("smtp inet n - y - many smtpd",
        "Error master.cf, line 1: invalid process_limit field \"many\": \"smtp inet n - y - many smtpd\" (write a number or -)")]
    [TestCase("smtp inet n - y - - smtpd -o", "Error master.cf, line 1: missing value after -o (write -o name=value or -o { name = value })")]
    [TestCase("smtp inet n - y - - smtpd -o a",
        "Error master.cf, line 1: missing '=' after attribute name: \"a\" (write -o name=value or -o { name = value })")]
    [TestCase("smtp inet n - y - - smtpd -o { a = b", "Error master.cf, line 1: missing '}' in \"{ a = b\" (write -o name=value or -o { name = value })")]
    [TestCase("smtp inet n - y - - smtpd -o {a=b}c",
        "Error master.cf, line 1: syntax error after '}' in \"{a=b}c\" (write -o name=value or -o { name = value })")]
    [TestCase("relay unix n - y - - smtp -o a",
        "Warning master.cf, line 1: missing '=' after attribute name: \"a\" (write -o name=value or -o { name = value })")]
    [TestCase("smtp inet n - y - - smtpd\nsmtp inet n - y - - smtpd",
        "Warning master.cf, line 2: duplicate service: smtp inet (the last entry counts; remove the earlier one)")]
    public void Parse_BadLine_IsNamedWithItsRemedy(string text, string expected) => Assert.That(Problems(text), Is.EqualTo((string[])[expected]));

    [Test]
    public void Parse_ServicesOfOneNameAndTwoTypes_AreTwo() =>
        Assert.That(MasterCfFile.Parse("smtp inet n - y - - smtpd\nsmtp unix n - y - - smtp\n", "master.cf").Entries, Has.Count.EqualTo(2));

    [Test]
    public void Read_MissingFile_IsOneError() =>
        Assert.That(MasterCfFile.Read("/nonexistent/master.cf").Problems.Single().Severity, Is.EqualTo(ProblemSeverity.Error));
}
