using System.Text.RegularExpressions;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>
/// What can be typed, copied or compared on a Japanese page is that of the English page it names on top. So a change of the English one that is not carried
/// over is seen.
/// </summary>
[TestFixture]
public sealed partial class JapanesePagesTests
{
    private const string Index = "docs/ja/README.md";
    private const string Tasks = "docs/ja/tasks";

    private static IEnumerable<string> TaskPages =>
        Directory.EnumerateFiles(Repository.PathOf(Tasks), "*.md").Select(page => $"{Tasks}/{Path.GetFileName(page)}").Order(StringComparer.Ordinal);

    private static IEnumerable<string> Pages => TaskPages.Prepend(Index);

    [TestCaseSource(nameof(Pages))]
    public void Page_NamesItsOriginal_AtItsTop(string page) => Assert.That(OriginalOf(page),
        Is.EqualTo(page == Index ? "README.md" : page.Replace("docs/ja/", "docs/", StringComparison.Ordinal)));

    [TestCaseSource(nameof(Pages))]
    public void CodeBlocks_OfPage_AreThoseOfTheOriginal(string page) =>
        Assert.That(Blocks(Repository.Read(page)), Is.EqualTo(Blocks(Repository.Read(OriginalOf(page)))).And.Not.Empty);

    // Parameters, values, replies and log lines stand in the text, too: in another order, and as often as the language needs them.
    [TestCaseSource(nameof(TaskPages))]
    public void InlineCode_OfPage_IsThatOfTheOriginal(string page) =>
        Assert.That(InlineCode(Repository.Read(page)), Is.EquivalentTo(InlineCode(Repository.Read(OriginalOf(page)))));

    // It has no tables of what is there and what is not.
    [Test]
    public void InlineCode_OfIndex_IsAmongThatOfTheOriginal() =>
        Assert.That(InlineCode(Repository.Read(Index)), Is.SubsetOf(InlineCode(Repository.Read(OriginalOf(Index)))).And.Not.Empty);

    [TestCaseSource(nameof(TaskPages))]
    public void Outline_OfPage_IsThatOfTheOriginal(string page) =>
        Assert.That(Outline(Repository.Read(page)), Is.EqualTo(Outline(Repository.Read(OriginalOf(page)))));

    [TestCaseSource(nameof(Pages))]
    public void Links_ToHeadings_LeadToOneOfThePage(string page)
    {
        var links = HeadingLink().Matches(Prose(Repository.Read(page)))
            .Select(link => (Path: link.Groups["path"].Value, Heading: link.Groups["heading"].Value));
        var broken = links.Where(link => !HeadingsOf(link.Path.Length == 0 ? page : Resolve(page, link.Path)).Contains(link.Heading, StringComparer.Ordinal));
        Assert.That(broken, Is.Empty);
    }

    [Test]
    public void Index_LinksToEveryPage() =>
        Assert.That(Link().Matches(Repository.Read(Index)).Select(link => Resolve(Index, link.Groups["path"].Value)), Is.SupersetOf(TaskPages));

    [TestCase("README.md")]
    [TestCase("docs/README.md")]
    public void EnglishIndex_LinksToTheJapaneseOne(string page) =>
        Assert.That(Link().Matches(Repository.Read(page)).Select(link => Resolve(page, link.Groups["path"].Value)), Does.Contain(Index));

    private static string OriginalOf(string page) => Resolve(page, Original().Match(Repository.Read(page)).Groups["path"].Value);

    // A path of a page's link, from the root of the repository.
    private static string Resolve(string page, string path) =>
        Path.GetRelativePath(Repository.Root, Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Repository.PathOf(page))!, path))).Replace('\\', '/');

    private static List<string> Blocks(string text) => [.. CodeBlock().Matches(text).Select(block => block.Value)];

    private static string Prose(string text) => CodeBlock().Replace(text, "");

    private static HashSet<string> InlineCode(string text) =>
        [.. Code().Matches(Prose(text)).Select(code => Blanks().Replace(code.Groups["code"].Value, " "))];

    // Depth of each heading, and where tables and steps are.
    private static List<string> Outline(string text) => [.. Mark().Matches(Prose(text)).Select(mark => mark.Groups["mark"].Value)];

    // As GitHub makes them: lower case, blanks to hyphens, everything else that is no letter, digit, hyphen or underscore left out.
    private static IEnumerable<string> HeadingsOf(string page) => Heading().Matches(Prose(Repository.Read(page)))
        .Select(heading => NotInAnchor().Replace(heading.Groups["text"].Value.ToLowerInvariant().Replace(' ', '-'), ""));

    [GeneratedRegex(@"\A# .+\n\n原文（英語）: \[[^\]]+\]\((?<path>[^)#\s]+)\)\n")]
    private static partial Regex Original();

    [GeneratedRegex(@"\]\((?<path>[^)#:\s]+)(#[^)\s]*)?\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Link();

    [GeneratedRegex(@"\]\((?<path>[^)#:\s]*)#(?<heading>[^)\s]+)\)")]
    private static partial Regex HeadingLink();

    [GeneratedRegex("(?ms)^ *```.*?^ *```$")]
    private static partial Regex CodeBlock();

    [GeneratedRegex("`(?<code>[^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex(@"(?m)^(?<mark>#+|[0-9]+\.|\|)(?= )")]
    private static partial Regex Mark();

    [GeneratedRegex("(?m)^#+ (?<text>.+)$")]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{M}\p{Nd}\p{Pc}-]")]
    private static partial Regex NotInAnchor();
}
