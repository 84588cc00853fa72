using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.MainCf;

namespace SmtpShield.Tests.PostfixConf.MainCf;

[TestFixture]
public sealed class MainCfFileTests
{
    private static MainCfFile Parse(string text) => MainCfFile.Parse(text, "main.cf");

    [TestCase("a = b", "b")]
    [TestCase("a=b", "b")]
    [TestCase("a\t=  b c \t", "b c")]
    [TestCase("a =", "")]
    [TestCase("a = b = c", "b = c")]
    [TestCase("a = \"b\"", "\"b\"")]
    [TestCase("a = b # c", "b # c")]
    [TestCase("a = b\r\n", "b")]
    public void Parse_Assignment_GivesValueWithoutBlanksAround(string text, string expected) =>
        Assert.That(Parse(text).Entries["a"].Value, Is.EqualTo(expected));

    [TestCase("a = b\n c\n", "b c")]
    [TestCase("a = b\n\tc\n\td\n", "b\tc\td")]
    [TestCase("a = b\n# comment\n c\n", "b c")]
    [TestCase("a = b\n  # comment\n c\n", "b c")]
    [TestCase("a = b\n\n   \n c\n", "b c")]
    [TestCase("a\n = b\n", "b")]
    [TestCase("# a\n\n  # b\na = b\n c", "b c")]
    public void Parse_ContinuedLine_JoinsAndSkipsCommentsBetween(string text, string expected) =>
        Assert.That(Parse(text).Entries["a"].Value, Is.EqualTo(expected));

    [Test]
    public void Parse_ContinuedLine_GivesNumberOfFirstLine() =>
        Assert.That(Parse("# x\n\na = b\n c\nd = e\n").Entries.Values.Select(entry => entry.Line), Is.EqualTo((int[])[3, 5]));

    [Test]
    public void Parse_DifferentDuplicate_LastWinsWithPostfixsWarning()
    {
        var file = Parse("a = 1\na = 2\na = 2\n");
        Assert.Multiple(() =>
        {
            Assert.That(file.Entries["a"].Value, Is.EqualTo("2"));
            Assert.That(file.Problems, Has.Count.EqualTo(1));
            Assert.That(file.Problems[0].ToString(), Does.StartWith("main.cf, line 2: overriding earlier entry: a=1"));
            Assert.That(file.Problems[0].Severity, Is.EqualTo(ProblemSeverity.Warning));
        });
    }

    [Test]
    public void Parse_NamesThatDifferInCase_AreTwo() =>
        Assert.That(Parse("a = 1\nA = 2\n").Entries, Has.Count.EqualTo(2));

    [TestCase("x = 1\nfoo\n", "main.cf, line 2: missing '=' after attribute name: \"foo\"")]
    [TestCase("x = 1\nfoo bar\n baz\n", "main.cf, line 2: missing '=' after attribute name: \"foo bar baz\"")]
    [TestCase("= 1\n", "main.cf, line 1: missing attribute name: \"= 1\"")]
    public void Parse_NoAssignment_IsErrorWithPostfixsWordsAndLine(string text, string expected)
    {
        var problem = Parse(text).Problems.Single();
        Assert.That(problem.Severity, Is.EqualTo(ProblemSeverity.Error));
        Assert.That(problem.ToString(), Does.StartWith(expected));
    }

    [Test]
    public void Parse_SeveralErrors_NamesEachLine() =>
        Assert.That(Parse("foo\nx = 1\nbar\n").Problems.Select(problem => problem.Location.Line), Is.EqualTo((int[])[1, 3]));

    [Test]
    public void Parse_FirstLineIndented_IsWarnedOfAndIgnored()
    {
        var file = Parse("  x = 1\ny = 2\n");
        Assert.That(file.Entries.Keys, Is.EqualTo((string[])["y"]));
        Assert.That(file.Problems.Single().Message, Is.EqualTo("logical line must not start with whitespace: \"  x = 1\""));
    }

    [Test]
    public void Parse_NullByte_CutsTheValueThereWithWarning()
    {
        var file = Parse("a = b\0c\n");
        Assert.That(file.Entries["a"].Value, Is.EqualTo("b"));
        Assert.That(file.Problems.Single().Message, Is.EqualTo("text after null byte may be ignored"));
    }

    [Test]
    public void Read_MissingFile_IsAnError() =>
        Assert.That(MainCfFile.Read("/nonexistent/main.cf").Problems.Single().Message, Is.EqualTo("open /nonexistent/main.cf: No such file or directory"));
}
