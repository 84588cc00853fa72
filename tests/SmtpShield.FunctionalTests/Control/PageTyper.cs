using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>
/// Types the commands of a page, in their order. What they print must be what the page shows, octet by octet; who asks is whoever runs the test, and on pages
/// somebody else.
/// </summary>
internal static partial class PageTyper
{
    /// <summary>Types the page and compares. The page as it is printed now is left in the tests' directory, to be looked at, or taken over.</summary>
    /// <param name="page">From the root of the repository.</param>
    /// <param name="type">
    /// Types what stands behind a prompt, <c>smtpshield status</c>, and returns what is printed; null: it is none of those that are typed, or prints what is
    /// not compared.
    /// </param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task TypeAsync(string page, Func<string, Task<string?>> type, CancellationToken cancellationToken)
    {
        var lines = await File.ReadAllLinesAsync(Repository.PathOf(page), cancellationToken);
        var printed = new StringBuilder();
        var commands = 0;
        for (var i = 0; i < lines.Length; i++)
        {
            printed.Append(lines[i]).Append('\n');
            if (!Prompt().IsMatch(lines[i]) || await type(lines[i][2..]) is not { } output)
                continue;
            commands++;
            printed.Append(WithAlice(output));
            while (i + 1 < lines.Length && lines[i + 1] != "```" && !Prompt().IsMatch(lines[i + 1]))
                i++;
        }

        Assert.That(commands, Is.Positive, "nothing was typed");
        var fixture = TestContext.CurrentContext.Test.ClassName!.Split('.')[^1];
        var found = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Path.GetFileName(page)}.{fixture}");
        await File.WriteAllTextAsync(found, printed.ToString(), cancellationToken);
        Assert.That(printed.ToString().Split('\n'), Is.EqualTo(string.Join('\n', lines.Append("")).Split('\n')).AsCollection, found);
    }

    /// <summary>A text with somebody else in the place of whoever runs the test.</summary>
    public static string WithAlice(string text) => Who().Replace(text, "uid 1000 (alice)");

    // A heading has a capital, or another word.
    [GeneratedRegex(@"^([$#] (?=[a-z])|\$ (?=\./))")]
    private static partial Regex Prompt();

    [GeneratedRegex(@"uid \d+( \(\w+\))?")]
    private static partial Regex Who();
}
