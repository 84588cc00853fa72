using System.Text.RegularExpressions;

namespace SmtpShield.Configuration.Patterns;

/// <summary>Reads <c>smtpd_forbidden_commands</c>: words, and <c>regexp:{{/expression/flags text}, …}</c> as in regexp_table(5). Of Postfix's tables only these are taken.</summary>
internal static class ForbiddenCommandsParser
{
    private const string TableType = "regexp:";

    /// <summary>Reads the list.</summary>
    /// <exception cref="FormatException">An element is wrong; the message says which and what to write.</exception>
    public static ForbiddenCommands Parse(string text)
    {
        var words = new List<string>();
        var expressions = new List<Regex>();
        var elements = new ListTokenizer(text);
        while (elements.MoveNext())
        {
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
            var rule = rules.Current.Trim("{} \t").ToString();
            expressions.Add(ParseRule(rule));
        }
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

        try
        {
            return new(rule[1..end], options);
        }
        catch (ArgumentException exception)
        {
            throw new FormatException($"not an expression: {rule}; {exception.Message}", exception);
        }
    }
}
