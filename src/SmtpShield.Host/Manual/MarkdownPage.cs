using System.Text;
using System.Text.RegularExpressions;

namespace SmtpShield.Host.Manual;

/// <summary>A page of the reference as part of a manual page: what these pages use of Markdown, in the macros of man(7).</summary>
internal static partial class MarkdownPage
{
    private const string Fence = "```";

    /// <summary>The text below a heading, to the next of its level or above; empty: there is none.</summary>
    /// <param name="page">The page.</param>
    /// <param name="heading">With its marks, as <c>## Meaning</c>.</param>
    public static string Section(string page, string heading)
    {
        var level = heading.TakeWhile(static c => c == '#').Count();
        var lines = page.Split('\n').SkipWhile(line => line != heading).Skip(1);
        var isCode = false;
        return string.Join('\n', lines.TakeWhile(line =>
        {
            isCode ^= line.StartsWith(Fence, StringComparison.Ordinal);
            return isCode || !Heading().IsMatch(line) || line.TakeWhile(static c => c == '#').Count() > level;
        }));
    }

    /// <summary>Writes it.</summary>
    /// <param name="markdown">The text.</param>
    /// <param name="roff">Takes it.</param>
    /// <param name="isBegun">Whether a heading or a word of the first paragraph stands before it.</param>
    public static void Write(string markdown, StringBuilder roff, bool isBegun = false)
    {
        var lines = markdown.Split('\n');
        for (var i = 0; i < lines.Length;)
        {
            if (lines[i].Length == 0)
            {
                i++;
                continue;
            }

            i = lines[i] switch
            {
                ['`', '`', '`', ..] => WriteCode(lines, i + 1, isBegun ? "" : ".PP\n", roff),
                ['|', ..] => WriteTable(lines, i, roff),
                ['#', ..] => WriteHeading(lines, i, roff),
                _ when Item().IsMatch(lines[i]) => WriteItem(lines, i, roff),
                _ => WriteText(lines, i, isBegun ? "" : ".PP\n", roff),
            };
            isBegun = false;
        }
    }

    /// <summary>A line's words, with what is typed in bold and parameters in italics.</summary>
    public static string Inline(string text)
    {
        var roff = new StringBuilder();
        for (var at = 0; at < text.Length;)
        {
            if (Special().Match(text, at) is not { Success: true } found)
            {
                roff.Append(Roff.Escape(text[at..]));
                break;
            }

            roff.Append(Roff.Escape(text[at..found.Index])).Append(InlineOf(found));
            at = found.Index + found.Length;
        }

        return roff.Length > 0 && roff[0] is '.' ? $@"\&{roff}" : roff.ToString();
    }

    private static string InlineOf(Match found)
    {
        if (found.Groups["code"] is { Success: true, Value: var code })
            return Roff.Bold(code.Trim());
        if (found.Groups["bold"] is { Success: true, Value: var bold })
            return Roff.Bold(bold);
        var (words, target) = (found.Groups["words"].Value, found.Groups["target"].Value);
        return target.StartsWith("http", StringComparison.Ordinal) ? $"{Inline(words)} ({Roff.Escape(target)})"
            : target.EndsWith($"/{words}.md", StringComparison.Ordinal) || target == $"{words}.md" ? Roff.Italic(words) : Inline(words);
    }

    private static int WriteCode(string[] lines, int i, string begin, StringBuilder roff)
    {
        roff.Append(begin).Append(".RS 4\n.EX\n");
        for (; i < lines.Length && lines[i] != Fence; i++)
            roff.Append(Roff.Line(lines[i])).Append('\n');
        roff.Append(".EE\n.RE\n");
        return i + 1;
    }

    private static int WriteHeading(string[] lines, int i, StringBuilder roff)
    {
        roff.Append(".PP\n").Append(Roff.Bold(lines[i].TrimStart('#', ' '))).Append('\n');
        return i + 1;
    }

    // A row is an entry of a list: its first cell, then the others, each with its column's name if there are several.
    private static int WriteTable(string[] lines, int i, StringBuilder roff)
    {
        var heads = CellsOf(lines[i]);
        for (i += 2; i < lines.Length && lines[i].StartsWith('|'); i++)
        {
            var cells = CellsOf(lines[i]);
            roff.Append(".TP\n").Append(Inline(cells[0])).Append('\n');
            var texts = cells.Skip(1).Select((cell, column) => heads.Length > 2 && heads[column + 1].Length > 0 ? $"{heads[column + 1]}: {cell}" : cell)
                .Where(static text => text.Length > 0).DefaultIfEmpty("-");
            roff.Append(string.Join("\n.br\n", texts.Select(Inline))).Append('\n');
        }

        return i;
    }

    private static string[] CellsOf(string row) =>
        [.. Bar().Split(row.Trim().Trim('|')).Select(static cell => cell.Trim().Replace(@"\|", "|", StringComparison.Ordinal))];

    private static int WriteItem(string[] lines, int i, StringBuilder roff)
    {
        var mark = Item().Match(lines[i]).Groups["mark"].Value;
        roff.Append(mark is "-" or "*" ? ".IP \\(bu 2\n" : $".IP {mark} 4\n").Append(Inline(lines[i][(lines[i].IndexOf(mark, StringComparison.Ordinal)
            + mark.Length + 1)..])).Append('\n');
        for (i++; i < lines.Length && lines[i].StartsWith("  ", StringComparison.Ordinal) && !Item().IsMatch(lines[i]); i++)
            roff.Append(Inline(lines[i].Trim())).Append('\n');
        return i;
    }

    private static int WriteText(string[] lines, int i, string begin, StringBuilder roff)
    {
        var text = new StringBuilder(lines[i].Trim());
        for (i++; i < lines.Length && lines[i].Length > 0 && lines[i][0] is not ('|' or '#') && !lines[i].StartsWith(Fence, StringComparison.Ordinal)
            && !Item().IsMatch(lines[i]); i++)
        {
            text.Append(' ').Append(lines[i].Trim());
        }

        roff.Append(begin).Append(Inline(text.ToString())).Append('\n');
        return i;
    }

    [GeneratedRegex(@"`(?<code>[^`]+)`|\*\*(?<bold>[^*]+)\*\*|\[(?<words>(?:`[^`]*`|[^\]])+)\]\((?<target>[^)]*)\)")]
    private static partial Regex Special();

    [GeneratedRegex(@"^ *(?<mark>[-*]|\d+\.) ")]
    private static partial Regex Item();

    [GeneratedRegex(@"^#+ ")]
    private static partial Regex Heading();

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex Bar();
}
