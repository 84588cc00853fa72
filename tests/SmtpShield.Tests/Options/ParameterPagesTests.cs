using SmtpShield.Options.Parameters;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Options;

[TestFixture]
public sealed class ParameterPagesTests
{
    private static readonly string[] Headings = ["Meaning", "Unit", "Default", "Range", "Reply", "Example", "Differences from Postfix", "Since"];

    private static string Directory => Path.Combine(Repository.Root, "docs", "reference", "parameters");

    private static IEnumerable<string> Pages => System.IO.Directory.EnumerateFiles(Directory, "*.md").Select(page => Path.GetFileNameWithoutExtension(page));

    [Test]
    public void Pages_OfAllParameters_AreThereAndNoOthers() => Assert.That(Pages, Is.EquivalentTo(ParameterCatalog.All.Keys));

    [TestCaseSource(nameof(Pages))]
    public void Page_Headings_AreTheSameEverywhere(string name)
    {
        var lines = File.ReadAllLines(Path.Combine(Directory, name + ".md"));
        Assert.That(lines[0], Is.EqualTo("# " + name));
        Assert.That(lines.Where(line => line.StartsWith("## ", StringComparison.Ordinal)).Select(line => line[3..]), Is.EqualTo(Headings));
    }

    [TestCaseSource(nameof(Pages))]
    public void Page_Default_IsTheBuiltInOne(string name)
    {
        var lines = File.ReadAllLines(Path.Combine(Directory, name + ".md"));
        var text = lines[Array.IndexOf(lines, "## Default") + 2];
        var expected = ParameterCatalog.All[name].DefaultText;
        if (expected is { Length: > 0 })
            Assert.That(text, Is.EqualTo($"`{expected}`"));
        else if (expected is "")
            Assert.That(text, Does.StartWith("Empty"));
        else
            Assert.That(text, Is.Not.Empty);
    }
}
