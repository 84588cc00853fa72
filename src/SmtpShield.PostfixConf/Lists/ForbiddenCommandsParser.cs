using System.Text.RegularExpressions;

namespace SmtpShield.PostfixConf.Lists;

/// <summary>
/// Reads <c>smtpd_forbidden_commands</c>: words, and <c>regexp:{{/expression/flags text}, …}</c> as in regexp_table(5). Of Postfix's tables only these are
/// taken.
/// </summary>
internal static class ForbiddenCommandsParser
{
    private const string TableType = "regexp:";

    // Far above any list in use: each command of a client is compared with all of it.
    private const int MaxElements = 1000;
    private const int LongestExpression = 1000;

    /// <summary>Reads the list.</summary>
    /// <exception cref="FormatException">An element is wrong; the message says which and what to write.</exception>
    public static ForbiddenCommands Parse(string text)
    {
        var words = new List<string>();
        var expressions = new List<Regex>();
        var elements = new ListTokenizer(text);
        while (elements.MoveNext())
        {
            RequireRoom(words, expressions);
            var element = elements.Current;
            if (element.StartsWith(TableType))
                AddTable(element[TableType.Length..], expressions);
            else if (element.IndexOf(':') >= 0)
                throw new FormatException($"unsupported table: {element}; write words, or regexp:{{{{/expression/ text}}}}");
            else
                words.Add(element.ToString());
        }

        return new([.. words], [.. expressions]);
    }

    private static void AddTable(ReadOnlySpan<char> table, List<Regex> expressions)
    {
        if (!table.StartsWith('{') || !table.EndsWith('}'))
            throw new FormatException($"unsupported table: {TableType}{table}; only inline tables are read: regexp:{{{{/expression/ text}}}}");

        var rules = new ListTokenizer(table[1..^1]);
        while (rules.MoveNext())
        {
            RequireRoom([], expressions);
            var rule = rules.Current.Trim("{} \t").ToString();
            expressions.Add(ParseRule(rule));
        }
    }

    private static void RequireRoom(List<string> words, List<Regex> expressions)
    {
        if (words.Count + expressions.Count >= MaxElements)
            throw new FormatException($"more than {MaxElements} elements");
    }

    // The first character delimits the expression; behind it flags, each of which switches a default: "i" is on.
    private static Regex ParseRule(string rule)
    {
        var end = rule.Length > 1 ? rule.IndexOf(rule[0], 1) : -1;
        if (end < 0 || char.IsAsciiLetterOrDigit(rule[0]))
            throw new FormatException($"not an expression: {rule}; write /expression/ text");

        var flags = rule[(end + 1)..].Split(' ', 2)[0];
        var options = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.IgnoreCase;
        foreach (var flag in flags)
        {
            options = flag == 'i'
                ? options ^ RegexOptions.IgnoreCase
                : throw new FormatException($"unknown flag {flag} in {rule}; only i is read");
        }

        if (end > LongestExpression)
            throw new FormatException($"an expression is longer than {LongestExpression} characters: {Printable.Start(rule, 40)}...");

        try
        {
            return new(rule[1..end], options);
        }
        catch (ArgumentException exception)
        {
            throw new FormatException($"not an expression: {rule}; {exception.Message}", exception);
        }
        catch (NotSupportedException exception)
        {
            // Engines that can run these can also be kept busy for hours by the text a client chooses.
            throw new FormatException(
                $"not an expression the shield can run: {rule}; write it without (?=, (?!, (?<=, (?<!, (?>, \\1 and very large repeats", exception);
        }
    }
}
