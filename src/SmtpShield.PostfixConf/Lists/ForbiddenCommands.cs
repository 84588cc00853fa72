using System.Text;
using System.Text.RegularExpressions;

namespace SmtpShield.PostfixConf.Lists;

/// <summary>First words of lines that are another protocol's, not SMTP commands: the value of <c>smtpd_forbidden_commands</c>.</summary>
public sealed class ForbiddenCommands
{
    /// <summary>Octets of a first word that are looked at; no command has more.</summary>
    private const int LongestWord = 64;

    private readonly string[] _words;
    private readonly Regex[] _expressions;

    internal ForbiddenCommands(string[] words, Regex[] expressions)
    {
        _words = words;
        _expressions = expressions;
    }

    /// <summary>The list without a word.</summary>
    public static ForbiddenCommands None { get; } = new([], []);

    /// <summary>Whether there is no word on it.</summary>
    public bool IsEmpty => _words.Length == 0 && _expressions.Length == 0;

    /// <summary>Whether a line's first word is on the list. Words are compared in any case.</summary>
    public bool Contains(ReadOnlySpan<byte> word)
    {
        if (word.IsEmpty)
            return false;

        Span<char> text = stackalloc char[LongestWord];
        text = text[..Math.Min(word.Length, LongestWord)];
        Encoding.Latin1.GetChars(word[..text.Length], text);
        foreach (var name in _words)
        {
            if (text.Equals(name, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        foreach (var expression in _expressions)
        {
            if (expression.IsMatch(text))
                return true;
        }

        return false;
    }
}
