using System.Text.RegularExpressions;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>A link between pages leads somewhere.</summary>
[TestFixture]
public sealed partial class LinkTests
{
    private static IEnumerable<string> Pages =>
        new[] { "docs", "deploy", "tests" }.SelectMany(directory => Directory.EnumerateFiles(Repository.PathOf(directory), "*.md", SearchOption.AllDirectories))
            .Concat(Directory.EnumerateFiles(Repository.Root, "*.md"))
            .Select(page => Path.GetRelativePath(Repository.Root, page).Replace('\\', '/'))
            .Where(page => !page.Contains("/bin/", StringComparison.Ordinal) && !page.Contains("/obj/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    [TestCaseSource(nameof(Pages))]
    public void Links_OfPage_LeadToFilesThatExist(string page)
    {
        var directory = Path.GetDirectoryName(Repository.PathOf(page))!;
        var text = CodeBlock().Replace(Repository.Read(page), "");
        var broken = Link().Matches(text).Select(link => link.Groups["target"].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith('#'))
            .Where(target => !Path.Exists(Path.GetFullPath(Path.Combine(directory, target.Split('#')[0]))));
        Assert.That(broken, Is.Empty);
    }

    [TestCase("docs/tasks", "docs/README.md")]
    [TestCase("docs/reference", "docs/README.md")]
    [TestCase("docs/reference/parameters", "docs/reference/configuration.md")]
    public void Index_OfFolder_LinksToEveryPage(string folder, string index)
    {
        var from = Path.GetDirectoryName(Repository.PathOf(index))!;
        var expected = Directory.EnumerateFiles(Repository.PathOf(folder), "*.md").Select(page => Path.GetRelativePath(from, page).Replace('\\', '/'));
        Assert.That(Link().Matches(Repository.Read(index)).Select(link => link.Groups["target"].Value), Is.SupersetOf(expected));
    }

    [Test]
    public void Decisions_Numbers_AreWithoutGapsAndInTheTitle()
    {
        var pages = Directory.EnumerateFiles(Repository.PathOf("docs/decisions"), "*.md").Order(StringComparer.Ordinal).ToList();
        var titles = pages.Select(page => File.ReadLines(page).First());
        Assert.That(pages.Select(page => Path.GetFileName(page)[..5]), Is.EqualTo(pages.Select((_, index) => $"{index + 1:D4}-")));
        Assert.That(titles.Select(title => title.Split(". ")[0]), Is.EqualTo(pages.Select((_, index) => $"# {index + 1}")));
    }

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("(?ms)^ *```.*?^ *```|`[^`\n]*`")]
    private static partial Regex CodeBlock();
}
