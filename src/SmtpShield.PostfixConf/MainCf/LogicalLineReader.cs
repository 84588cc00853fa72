using System.Text;

namespace SmtpShield.PostfixConf.MainCf;

/// <summary>Splits a file into logical lines. The rules are those of Postfix's <c>util/readlline.c</c>; every Postfix text file is read with them.</summary>
internal static class LogicalLineReader
{
    // What is no text at all has something wrong with every line.
    private const int MaxProblems = 1000;

    /// <summary>Reads all logical lines, one by one; what is wrong with one is added to <paramref name="problems"/> and the line is left out.</summary>
    public static IEnumerable<LogicalLine> Read(string text, string path, ICollection<ConfigurationProblem> problems)
    {
        var collected = new StringBuilder();
        var position = 0;
        var number = 0;
        while (position < text.Length)
        {
            collected.Clear();
            var first = number;
            while (position < text.Length)
            {
                var end = text.IndexOf('\n', position);
                var line = text.AsSpan(position, (end < 0 ? text.Length : end) - position);
                position = end < 0 ? text.Length : end + 1;
                number++;
                if (collected.Length == 0)
                    first = number;

                var content = line.TrimStart(Ascii.Space);
                if (!content.IsEmpty && content[0] != '#')
                    collected.Append(line);
                // A comment or blank line does not end the logical line; only a line that begins with text does.
                if (collected.Length > 0 && position < text.Length && text[position] != '#' && !Ascii.IsSpace(text[position]))
                    break;
            }
            if (collected.Length > 0 && Judge(new LogicalLine(collected.ToString(), first, number), path, problems) is { } read)
                yield return read;
        }
    }

    private static LogicalLine? Judge(LogicalLine line, string path, ICollection<ConfigurationProblem> problems)
    {
        var location = new SourceLocation(path, line.First);
        if (line.Text.IndexOf('\0') is >= 0 and var end)
        {
            Add(ConfigurationProblem.Warning(location, "", "text after null byte may be ignored", "remove the null byte"), problems);
            line = line with { Text = line.Text[..end] };
            if (line.Text.AsSpan().Trim(Ascii.Space).IsEmpty)
                return null;
        }
        if (Ascii.IsSpace(line.Text[0]))
        {
            var shown = line.Text.Length > 30 ? line.Text[..30] + "..." : line.Text;
            Add(ConfigurationProblem.Warning(location, "", $"logical line must not start with whitespace: \"{shown}\"",
                "the line is ignored; remove the blanks before it"), problems);
            return null;
        }
        return line;
    }

    private static void Add(ConfigurationProblem problem, ICollection<ConfigurationProblem> problems)
    {
        if (problems.Count < MaxProblems)
            problems.Add(problem);
    }
}
