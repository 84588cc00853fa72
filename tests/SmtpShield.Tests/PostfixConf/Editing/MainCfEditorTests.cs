using SmtpShield.PostfixConf.Editing;

namespace SmtpShield.Tests.PostfixConf.Editing;

[TestFixture]
public sealed class MainCfEditorTests
{
    private static string Apply(string text, MainCfEdit edit, params string[] changes) => Apply(text, edit, out _, changes);

    private static string Apply(string text, MainCfEdit edit, out List<string> multiple, params string[] changes)
    {
        multiple = [];
        return MainCfEditor.Apply(text, edit, changes.ToDictionary(change => change.Split('=')[0], change => change.Split('=')[^1]), multiple);
    }

    [TestCase("a = 1\n", "a = 2\n")]
    [TestCase("# c\na=1\n# d\nb = 3\n", "# c\na = 2\n# d\nb = 3\n")]
    [TestCase("a = 1\n  x\n# c\n  y\n\nb = 3\n", "a = 2\n# c\n\nb = 3\n")]
    [TestCase("b = 3", "b = 3\na = 2\n")]
    [TestCase("", "a = 2\n")]
    [TestCase("#a = 1\n", "#a = 1\na = 2\n")]
    [TestCase("aa = 1\r\n", "aa = 1\r\na = 2\n")]
    public void Apply_Set_ReplacesEntryOrAppendsAndKeepsTheRest(string text, string expected) =>
        Assert.That(Apply(text, MainCfEdit.Set, "a=2"), Is.EqualTo(expected));

    [Test]
    public void Apply_SetSeveralNew_AppendsInOrderOfName() => Assert.That(Apply("", MainCfEdit.Set, "b=2", "a=1"), Is.EqualTo("a = 1\nb = 2\n"));

    [Test]
    public void Apply_SetWithThreeEntries_ReplacesAllAndNamesItOnce()
    {
        Assert.That(Apply("a = 1\na = 2\na = 3\n", MainCfEdit.Set, out var multiple, "a=4"), Is.EqualTo("a = 4\na = 4\na = 4\n"));
        Assert.That(multiple, Is.EqualTo((string[])["a"]));
    }

    [Test]
    public void Apply_Delete_RemovesEntryWithItsContinuation() =>
        Assert.That(Apply("b = 1\na = 1\n  x\n# c\nc = 2\n", MainCfEdit.Delete, "a"), Is.EqualTo("b = 1\n# c\nc = 2\n"));

    [Test]
    public void Apply_CommentOut_PutsHashBeforeEachLineOfTheEntry() =>
        Assert.That(Apply("a = 1\n  x\n# c\n  y\nc = 2\n", MainCfEdit.CommentOut, "a"), Is.EqualTo("#a = 1\n#  x\n# c\n#  y\nc = 2\n"));
}
