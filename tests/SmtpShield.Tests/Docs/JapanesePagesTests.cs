using System.Text.RegularExpressions;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>
/// What can be typed, copied or compared on a Japanese page is that of the English page it names on top, octet by octet: so a test that types the English page
/// holds for both, and a change of the English one that is not carried over is seen.
/// </summary>
[TestFixture]
public sealed partial class JapanesePagesTests
{
    private const string Readme = "README.ja.md";
    private const string Index = "docs/ja/README.md";
    private const string Terms = "docs/ja/terms.md";
    private const string Tasks = "docs/ja/tasks";

    private static IEnumerable<string> TaskPages =>
        Directory.EnumerateFiles(Repository.PathOf(Tasks), "*.md").Select(page => $"{Tasks}/{Path.GetFileName(page)}").Order(StringComparer.Ordinal);

    private static IEnumerable<string> Translations => TaskPages.Prepend(Readme);

    private static IEnumerable<string> Pages => Translations.Append(Index);

    [TestCaseSource(nameof(Pages))]
    public void Page_NamesItsOriginal_AtItsTop(string page) => Assert.That(OriginalOf(page),
        Is.EqualTo(page == Readme ? "README.md" : page.Replace("docs/ja/", "docs/", StringComparison.Ordinal)));

    [TestCaseSource(nameof(Translations))]
    public void CodeBlocks_OfPage_AreThoseOfTheOriginal(string page)
    {
        var (text, original) = (Repository.Read(page), Blocks(Repository.Read(OriginalOf(page))));
        Assert.That(Blocks(text), Is.EqualTo(original).And.Not.Empty, () => Mended(page, text, original));
    }

    // Parameters, values, replies and log lines stand in the text, too: in another order, and as often as the language needs them.
    [TestCaseSource(nameof(Translations))]
    public void InlineCode_OfPage_IsThatOfTheOriginal(string page) =>
        Assert.That(InlineCode(Repository.Read(page)), Is.EquivalentTo(InlineCode(Repository.Read(OriginalOf(page)))));

    [TestCaseSource(nameof(Translations))]
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

    // Who reads Japanese is led to an English page only where there is no other one, and told so; the reference is known to be English.
    [TestCaseSource(nameof(Translations))]
    public void Links_ToEnglishPages_AreMarkedAndHaveNoTranslation(string page)
    {
        var links = Link().Matches(Prose(Repository.Read(page)))
            .Select(link => (Text: link.Groups["text"].Value, Target: Resolve(page, link.Groups["path"].Value)))
            .Where(link => EnglishPage().IsMatch(link.Target) && link.Target != OriginalOf(page));
        Assert.That(links.Where(link => !link.Text.EndsWith("（英語）", StringComparison.Ordinal)
            || File.Exists(Repository.PathOf(link.Target.Replace("docs/", "docs/ja/", StringComparison.Ordinal)))), Is.Empty);
    }

    [Test]
    public void Index_LinksToEveryPage() => Assert.That(LinksOf(Index), Is.SupersetOf(Translations.Append(Terms)));

    [TestCase("README.md", Readme)]
    [TestCase(Readme, Index)]
    [TestCase("docs/README.md", Index)]
    public void Page_LinksToTheJapaneseOne(string page, string japanese) => Assert.That(LinksOf(page), Does.Contain(japanese));

    // A long vowel's mark makes another word of it.
    [TestCaseSource(nameof(Pages))]
    public void Words_OfPage_AreThoseOfTheGlossary(string page)
    {
        var text = Spoken(page);
        Assert.That(WordsNotToUse.Where(word => Regex.IsMatch(text, $"{Regex.Escape(word)}(?!ー)")), Is.Empty);
    }

    [Test]
    public void Glossary_NamesWordsNotToUse() => Assert.That(WordsNotToUse, Is.Not.Empty.And.All.Matches("^[ァ-ヶー一-龠]+$"));

    [TestCaseSource(nameof(Pages))]
    public void Letters_OfPage_AreSetAsTheGlossarySays(string page) =>
        Assert.That(Spoken(page).Split('\n').Where(line => WronglySet().IsMatch(line)), Is.Empty);

    // A line break is shown as a blank.
    [TestCaseSource(nameof(Pages))]
    public void Lines_OfPage_DoNotBreakBetweenTwoLetters(string page) =>
        Assert.That(BreakBetweenLetters().Matches(Prose(Repository.Read(page))).Select(found => found.Value), Is.Empty);

    [TestCase("Postfix の値（既定値は 50）です。例: `x` を、`y`と", true)]
    [TestCase("Postfix の値", false)]
    [TestCase("値（50）、`x`。", false)]
    [TestCase("- 値: `x`", false)]
    [TestCase("Postfixの", true)]
    [TestCase("値は10", true)]
    [TestCase("値(50)", true)]
    [TestCase("値５０", true)]
    [TestCase("値です。 次は", true)]
    [TestCase("例:値", true)]
    public void WronglySet_OfALine_IsFound(string line, bool expected) => Assert.That(WronglySet().IsMatch(line), Is.EqualTo(expected));

    private static IEnumerable<string> WordsNotToUse =>
        NotToUse().Matches(Repository.Read(Terms)).SelectMany(row => row.Groups["words"].Value.Split('、')).Where(word => word != "使わない表記");

    // The page with the original's blocks is left in the tests' directory, to be taken over, where there are as many.
    private static string Mended(string page, string text, List<string> original)
    {
        if (Blocks(text).Count != original.Count)
            return $"{original.Count} blocks are to be there";
        var (path, next) = (Path.Combine(TestContext.CurrentContext.WorkDirectory, page.Replace('/', '.')), 0);
        File.WriteAllText(path, CodeBlock().Replace(text, _ => original[next++]));
        return path;
    }

    private static string OriginalOf(string page) => Resolve(page, Original().Match(Repository.Read(page)).Groups["path"].Value);

    // A path of a page's link, from the root of the repository.
    private static string Resolve(string page, string path) =>
        Path.GetRelativePath(Repository.Root, Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Repository.PathOf(page))!, path))).Replace('\\', '/');

    private static IEnumerable<string> LinksOf(string page) => Link().Matches(Repository.Read(page)).Select(link => Resolve(page, link.Groups["path"].Value));

    private static List<string> Blocks(string text) => [.. CodeBlock().Matches(text).Select(block => block.Value)];

    private static string Prose(string text) => CodeBlock().Replace(text, "");

    // As it is read: links are their text, and nothing is indented.
    private static string Spoken(string page) => Frame().Replace(AnyLink().Replace(Prose(Repository.Read(page)), "${text}"), "|");

    private static HashSet<string> InlineCode(string text) =>
        [.. Code().Matches(Prose(text)).Select(code => Blanks().Replace(code.Groups["code"].Value, " "))];

    // Depth of each heading, and where tables and steps are.
    private static List<string> Outline(string text) => [.. Mark().Matches(Prose(text)).Select(mark => mark.Groups["mark"].Value)];

    // As GitHub makes them: lower case, blanks to hyphens, everything else that is no letter, digit, hyphen or underscore left out.
    private static IEnumerable<string> HeadingsOf(string page) => Heading().Matches(Prose(Repository.Read(page)))
        .Select(heading => NotInAnchor().Replace(heading.Groups["text"].Value.ToLowerInvariant().Replace(' ', '-'), ""));

    [GeneratedRegex(@"\A# .+\n\n原文（英語）: \[[^\]]+\]\((?<path>[^)#\s]+)\)\n")]
    private static partial Regex Original();

    [GeneratedRegex(@"\[(?<text>[^\]]*)\]\((?<path>[^)#:\s]+)(#[^)\s]*)?\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Link();

    [GeneratedRegex("^docs/(?!ja/|reference/)")]
    private static partial Regex EnglishPage();

    [GeneratedRegex(@"\[(?<text>[^\]]*)\]\([^)]*\)")]
    private static partial Regex AnyLink();

    [GeneratedRegex(@"(?m)^\s+|\s*\|\s*")]
    private static partial Regex Frame();

    // No blank between Japanese and Latin letters, a blank beside what needs none, brackets and letters of the other width.
    [GeneratedRegex(@"[ぁ-ヶー一-龠々][A-Za-z0-9`(]|[A-Za-z0-9`)][ぁ-ヶー一-龠々]|[Ａ-Ｚａ-ｚ０-９ｦ-ﾟ，．：；！？]| [、。（）「」]|[、。（）「」] "
        + "|[ぁ-ヶー一-龠々]:(?! |$)|[ぁ-ヶー一-龠々、。] +[ぁ-ヶー一-龠々]")]
    private static partial Regex WronglySet();

    [GeneratedRegex(@".*[ぁ-ヶー一-龠々]\n *[ぁ-ヶー一-龠々]")]
    private static partial Regex BreakBetweenLetters();

    [GeneratedRegex(@"(?m)^\|[^|\n]*\|[^|\n]*\| (?<words>[^-|\s]+) \|$")]
    private static partial Regex NotToUse();

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
