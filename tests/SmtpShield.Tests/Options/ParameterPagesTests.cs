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

    private static IEnumerable<string> Tunable => TunableParameters.Names;

    // Both ways: what the API says is on the page, and a page of a number, or a time, says what the API does.
    [TestCaseSource(nameof(Tunable))]
    public void Page_Unit_IsTheOneTheApiHas(string name)
    {
        var (parameter, lines) = (ParameterCatalog.All[name], File.ReadAllLines(Path.Combine(Directory, name + ".md")));
        var written = lines[Array.IndexOf(lines, "## Unit") + 2].Split('.', ';', ':')[0];
        var unit = ParameterUnits.Of(parameter);
        Assert.That(unit is not null, Is.EqualTo(parameter.ValueType == typeof(int) || parameter.ValueType == typeof(TimeSpan)), "a number has one");
        if (parameter.ValueType == typeof(TimeSpan))
            Assert.That((written, unit, parameter.TimeUnit), Is.EqualTo(("Time", "seconds", 's')));
        else if (unit is not null)
            Assert.That(written, Is.EqualTo(char.ToUpperInvariant(unit[0]) + unit[1..]));
    }

    [Test]
    public void Units_OfNumbers_AreOfThoseThatCanBeSet() => Assert.That(ParameterUnits.OfNumbers.Keys.Except(Tunable), Is.Empty);
}
