using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Protocol;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>docs/reference/ehlo-keywords.md says of each keyword what happens to it.</summary>
[TestFixture]
public sealed partial class EhloKeywordPageTests
{
    private static readonly string s_page = Repository.Read("docs/reference/ehlo-keywords.md");

    private static IEnumerable<string> Passed => WordsOf(Section("## Passed").Split("\n\n")[1]).Where(word => word != "AUTH=");

    private static IEnumerable<string> Removed => Section("## Removed").Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))
        .SelectMany(line => WordsOf(line.Split('|')[1])).Select(word => word.TrimEnd('…'));

    [TestCaseSource(nameof(Passed))]
    public void Passed_Keyword_Passes(string keyword) => Assert.That(IsPassed(keyword), Is.True);

    [TestCaseSource(nameof(Removed))]
    public void Removed_Keyword_IsRemoved(string keyword) => Assert.That(IsPassed(keyword), Is.False);

    private static bool IsPassed(string keyword)
    {
        EhloReply.Filter(Encoding.ASCII.GetBytes($"250-mta.example\r\n250 {keyword}\r\n"), new([], [], PassesChunking: true, 1000), out _, out var removed);
        return removed.Count == 0;
    }

    private static string Section(string heading) => s_page[s_page.IndexOf(heading, StringComparison.Ordinal)..].Split("\n## ")[0];

    private static IEnumerable<string> WordsOf(string text) => Word().Matches(text).Select(word => word.Groups["word"].Value);

    [GeneratedRegex("`(?<word>[^`]+)`")]
    private static partial Regex Word();
}
