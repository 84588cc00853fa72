using System.Buffers;
using SmtpShield.PostfixConf.MainCf;

namespace SmtpShield.PostfixConf.MasterCf;

/// <summary>
/// The options behind the command of a service. <c>-oname=value</c>, <c>-vo name=value</c> and <c>-o { name = value }</c> all mean an override, as for
/// getopt(3).
/// </summary>
internal sealed class MasterCfOptions
{
    // Options of Postfix's daemons that take a value (master/single_server.c and its sisters).
    private static readonly SearchValues<char> TakeValue = SearchValues.Create("imnost");

    private readonly List<MainCfEntry> _overrides = [];
    private readonly List<string> _others = [];
    private readonly List<string> _errors = [];

    /// <summary>Reads the options, up to the first word that is none.</summary>
    public MasterCfOptions(IReadOnlyList<string> words, int line)
    {
        for (var i = 0; i < words.Count && words[i] is ['-', _, ..] and not "--"; i++)
        {
            var word = words[i];
            var letter = word.AsSpan(1).IndexOfAny(TakeValue) + 1;
            if (letter == 0)
            {
                _others.Add(word);
                continue;
            }
            var isSeparate = letter + 1 == word.Length;
            if (isSeparate && i + 1 == words.Count)
            {
                _errors.Add($"missing value after {word}");
                return;
            }
            var value = isSeparate ? words[++i] : word[(letter + 1)..];
            if (letter > 1)
                _others.Add(word[..letter]);
            if (word[letter] == 'o')
                AddOverride(value, line);
            else
                _others.AddRange(["-" + word[letter], value]);
        }
    }

    /// <summary>The overrides in their order.</summary>
    public IReadOnlyList<MainCfEntry> Overrides => _overrides;

    /// <summary>The other options.</summary>
    public IReadOnlyList<string> Others => _others;

    /// <summary>What is wrong, in Postfix's words.</summary>
    public IReadOnlyList<string> Errors => _errors;

    private void AddOverride(string text, int line)
    {
        if (text.StartsWith('{'))
        {
            var end = CloseOf(text);
            if (end != text.Length - 1)
            {
                _errors.Add(end < 0 ? $"missing '}}' in \"{text}\"" : $"syntax error after '}}' in \"{text}\"");
                return;
            }
            text = text[1..^1];
        }
        if (NameValue.TrySplit(text, out var assignment, out var error))
            _overrides.Add(new MainCfEntry(assignment.Name, assignment.Value, line));
        else
            _errors.Add($"{error}: \"{text}\"");
    }

    private static int CloseOf(string text)
    {
        var level = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '{')
                level++;
            else if (text[i] == '}' && --level == 0)
                return i;
        }
        return -1;
    }
}
