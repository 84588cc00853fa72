using SmtpShield.PostfixConf.MainCf;

namespace SmtpShield.PostfixConf.Patterns;

/// <summary>
/// Reads cidr_table(5). Where Postfix warns and skips a rule, the shield names an error: a rule that is not in force is found when it is written, not when it
/// is needed.
/// </summary>
internal sealed class CidrTableParser(string parameter, ICollection<ConfigurationProblem> problems)
{
    private readonly List<CidrRule> _rules = [];
    private readonly Stack<(int Index, SourceLocation Location)> _open = new();

    /// <summary>Parses the lines of a table.</summary>
    public AddressPattern Parse(IEnumerable<(string Text, SourceLocation Location)> lines, bool isNegated)
    {
        foreach (var (text, location) in lines)
        {
            if (Add(text.AsSpan().Trim(Ascii.Space).ToString(), location) is { Length: > 0 } error)
                problems.Add(ConfigurationProblem.Error(location, parameter, $"cidr map: {error}", "write network/length value"));
        }
        foreach (var (_, location) in _open)
            problems.Add(ConfigurationProblem.Error(location, parameter, "cidr map: IF has no matching ENDIF", "end the block with endif"));
        return new CidrTablePattern([.. _rules]) { IsNegated = isNegated };
    }

    private string Add(string line, SourceLocation location)
    {
        if (IsKeyword(line, "if"))
        {
            var pattern = TakeNegation(line[2..], out var negated);
            if (pattern.Length == 0)
                return "no address pattern";
            if (!AddressRange.TryParse(pattern, out var range, out var error))
                return error;
            _rules.Add(new CidrRule(CidrRuleKind.If, range, negated, int.MaxValue - 1));
            _open.Push((_rules.Count - 1, location));
            return "";
        }
        return IsKeyword(line, "endif") ? AddEndIf(line[5..]) : AddMatch(line);
    }

    private string AddEndIf(string rest)
    {
        if (rest.AsSpan().Trim(Ascii.Space).Length > 0)
            return "garbage after ENDIF";
        if (!_open.TryPop(out var open))
            return "ENDIF without IF";
        _rules[open.Index] = _rules[open.Index] with { BlockEnd = _rules.Count };
        _rules.Add(new CidrRule(CidrRuleKind.EndIf, default, false, 0));
        return "";
    }

    private string AddMatch(string line)
    {
        var rule = TakeNegation(line, out var negated);
        var end = rule.AsSpan().IndexOfAny(Ascii.SpaceValues);
        var pattern = end < 0 ? rule : rule[..end];
        if (pattern.Length == 0)
            return "no address pattern";
        if (!AddressRange.TryParse(pattern, out var range, out var error))
            return error;
        if (end < 0)
            return "no lookup result";
        _rules.Add(new CidrRule(CidrRuleKind.Match, range, negated, 0));
        return "";
    }

    private static string TakeNegation(string text, out bool negated)
    {
        negated = false;
        var i = 0;
        for (; i < text.Length && (text[i] == '!' || Ascii.IsSpace(text[i])); i++)
            negated ^= text[i] == '!';
        return text[i..];
    }

    private static bool IsKeyword(string line, string keyword) =>
        line.StartsWith(keyword, StringComparison.OrdinalIgnoreCase) && (line.Length == keyword.Length || !char.IsAsciiLetterOrDigit(line[keyword.Length]));

    /// <summary>The lines of a table file.</summary>
    public static IEnumerable<(string Text, SourceLocation Location)> Lines(string text, string path, ICollection<ConfigurationProblem> problems) =>
        LogicalLineReader.Read(text, path, problems).Select(line => (line.Text, new SourceLocation(path, line.First)));
}
