using System.Text.RegularExpressions;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>
/// No line of C#, scripts and Markdown is too long to be read side by side. Tables, code blocks and the content of raw strings are as they are.
/// </summary>
[TestFixture]
public sealed partial class LineLengthTests
{
    // Columns are characters, not octets.
    private const int Longest = 160;

    private static readonly HashSet<string> s_others = ["bin", "obj", ".git", ".vs", "node_modules", "TestResults"];

    [Test]
    public void Lines_OfCodeScriptsAndPages_FitOnAScreen() => Assert.That(FilesIn(Repository.Root).SelectMany(TooLong), Is.Empty);

    [TestCase("x", 160, 0)]
    [TestCase("x", 161, 1)]
    [TestCase("| x", 161, 0)]
    [TestCase("```\nx", 161, 0)]
    [TestCase("```\n```\nx", 161, 1)]
    [TestCase("`x`", 161, 0)]
    public void LongLines_OfMarkdown_NotTablesAndSamples(string text, int length, int expected) =>
        Assert.That(LongLines("page.md", Widened(text, length)).Count(), Is.EqualTo(expected));

    [TestCase("var x = 1; //", 161, 1)]
    [TestCase("var x = \"\"\"\nx", 161, 0)]
    [TestCase("var x = \"\"\"\nx\n\"\"\";\nx", 161, 1)]
    [TestCase("/// in <c>\"\"\"</c>\nx", 161, 1)]
    public void LongLines_OfCode_NotRawStrings(string text, int length, int expected) =>
        Assert.That(LongLines("Code.cs", Widened(text, length)).Count(), Is.EqualTo(expected));

    // The last line filled up to a length, in front of its end.
    private static string[] Widened(string text, int length) =>
        text.Split('\n') is [.. var before, var last] ? [.. before, last.Insert(last.Length - 1, new string('y', length - last.Length))] : [];

    private static IEnumerable<string> FilesIn(string directory) =>
        Directory.EnumerateFiles(directory).Where(IsWritten)
            .Concat(Directory.EnumerateDirectories(directory).Where(inner => !s_others.Contains(Path.GetFileName(inner))).SelectMany(FilesIn));

    // What has no ending is a script if it says who runs it.
    private static bool IsWritten(string file) => Path.GetExtension(file) is ".cs" or ".md" or ".sh" or ".py"
        || (Path.GetExtension(file).Length == 0 && IsScript(file));

    private static bool IsScript(string file)
    {
        using var reader = File.OpenRead(file);
        return reader.ReadByte() == '#' && reader.ReadByte() == '!';
    }

    private static IEnumerable<string> TooLong(string file)
    {
        var name = Path.GetRelativePath(Repository.Root, file);
        return LongLines(name, File.ReadAllLines(file)).Select(line => $"{name}:{line.Number}: {line.Length} columns");
    }

    private static IEnumerable<(int Number, int Length)> LongLines(string name, string[] lines)
    {
        var isInside = false;
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i];
            var isExempt = isInside;
            if (name.EndsWith(".cs", StringComparison.Ordinal))
                isInside ^= !line.TrimStart().StartsWith("//", StringComparison.Ordinal) && line.Split("\"\"\"").Length % 2 == 0;
            else if (name.EndsWith(".md", StringComparison.Ordinal))
            {
                isInside ^= line.TrimStart().StartsWith("```", StringComparison.Ordinal);
                isExempt |= line.TrimStart().StartsWith('|') || OneSample().IsMatch(line);
            }
            if (!isExempt && line.Length > Longest)
                yield return (i + 1, line.Length);
        }
    }

    // A line of a log, quoted: what cannot be broken without being another line.
    [GeneratedRegex(@"^[ -]*`[^`]+`[.,;:]?$")]
    private static partial Regex OneSample();
}
