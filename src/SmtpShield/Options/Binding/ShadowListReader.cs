using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Options.Binding;

/// <summary>Reads <c>shield_shadow</c>: words between commas or blanks; braces around what has blanks in it, as in Postfix's <c>{ name = value }</c>.</summary>
/// <param name="readValue">Reads the value of a parameter, and says what is wrong with it; null then.</param>
/// <param name="fail">Takes what is wrong, and what to write instead.</param>
internal sealed class ShadowListReader(Func<ParameterDefinition, string, object?> readValue, Action<string, string> fail)
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly HashSet<string> _excluded = new(StringComparer.Ordinal);
    private readonly Dictionary<string, object> _candidates = new(StringComparer.Ordinal);
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private bool _hasAll;
    private bool _hasFailed;

    /// <summary>Reads a list.</summary>
    /// <returns>Null: it has errors.</returns>
    public ShadowList? Read(string text)
    {
        foreach (var word in ListTokenizer.Split(text))
            Take(word is ['{', .., '}'] ? word[1..^1].Trim() : word);
        if (!_hasAll && _excluded.Count > 0)
            Fail($"!{_excluded.First()} takes it out of nothing", "write all before it, or leave it out: what is not named is in force");
        return _hasFailed ? null : new(_hasAll, _names, _excluded, _candidates);
    }

    private void Take(string word)
    {
        var equals = word.IndexOf('=', StringComparison.Ordinal);
        var isExcluded = word.StartsWith('!');
        var name = (equals < 0 ? word : word[..equals]).TrimStart('!').Trim();
        if (!_seen.Add(name))
            Fail($"{name} is listed more than once", "keep one of them");
        else if (name == "all" && equals < 0 && !isExcluded)
            _hasAll = true;
        else if (!ShadowRules.Contains(name))
            Refuse(name);
        else if (isExcluded && equals >= 0)
            Fail($"{word} takes a value and takes it out", $"write !{name}, or {word.TrimStart('!')}");
        else if (isExcluded)
            _excluded.Add(name);
        else if (equals < 0)
            _names.Add(name);
        else
            TakeCandidate(name, word[(equals + 1)..].Trim());
    }

    private void TakeCandidate(string name, string text)
    {
        if (readValue(ParameterCatalog.All[name], text) is not { } value)
            _hasFailed = true;
        else if (ShadowRules.All[ShadowRules.IndexOf(name)].Off.Equals(value) || (name == "smtpd_forbidden_commands" && text.Length == 0))
            Fail($"{name}={text} switches it off, so there is nothing to judge", $"write a value that limits something, or leave {name} out");
        else
            _candidates.Add(name, value);
    }

    private void Refuse(string name)
    {
        if (ParameterCatalog.All.ContainsKey(name))
            Fail($"{name} can't be in shadow: {ShadowRules.WhyNot(name)}", "take it out");
        else
            Fail($"no such limit: {name}", NearestName.Find(name, ShadowRules.All.Select(static rule => rule.Name)) is { } nearest
                ? $"did you mean {nearest}?" : "write all, or names of limits");
    }

    private void Fail(string message, string hint)
    {
        _hasFailed = true;
        fail(message, hint);
    }
}
