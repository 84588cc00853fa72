using System.Text;

namespace SmtpShield.PostfixConf.Expansion;

/// <summary>Splits a value into literal text and macro references, as Postfix's <c>util/mac_parse.c</c> does.</summary>
internal abstract class MacroParser
{
    /// <summary>Postfix's words for the first error; empty when there is none.</summary>
    protected string Error { get; private set; } = "";

    /// <summary>Whether an error was found, after which nothing more is done.</summary>
    protected bool Failed => Error.Length > 0;

    /// <summary>Literal text, with <c>$$</c> already one <c>$</c>.</summary>
    protected abstract void OnLiteral(string text);

    /// <summary>What is between <c>${</c> and <c>}</c>, between <c>$(</c> and <c>)</c>, or the name behind a plain <c>$</c>.</summary>
    protected abstract void OnReference(string text);

    /// <summary>Remembers the first error.</summary>
    protected void Fail(string error)
    {
        if (!Failed)
            Error = Printable.Text(error);
    }

    /// <summary>Walks through a value.</summary>
    protected void Parse(string value)
    {
        var literal = new StringBuilder();
        for (var i = 0; i < value.Length && !Failed;)
        {
            if (value[i] != '$' || (i + 1 < value.Length && value[i + 1] == '$'))
            {
                literal.Append(value[i]);
                i += value[i] == '$' ? 2 : 1;
                continue;
            }
            FlushLiteral(literal);
            if (Failed)
                return;
            if (!TryTakeReference(value, ref i, out var reference))
                Fail($"truncated macro reference: \"{value}\"");
            else if (reference.Length == 0)
                Fail($"empty macro name: \"{value}\"");
            else
                OnReference(reference);
        }
        if (!Failed)
            FlushLiteral(literal);
    }

    private void FlushLiteral(StringBuilder literal)
    {
        if (literal.Length == 0)
            return;
        OnLiteral(literal.ToString());
        literal.Clear();
    }

    private static bool TryTakeReference(string value, ref int position, out string reference)
    {
        var start = position + 1;
        if (start < value.Length && value[start] is '{' or '(')
        {
            var (open, close) = value[start] == '{' ? ('{', '}') : ('(', ')');
            var end = FindClose(value, start, open, close);
            reference = end < 0 ? "" : value[(start + 1)..end];
            position = end + 1;
            return end >= 0;
        }
        position = start;
        while (position < value.Length && Ascii.IsName(value[position]))
            position++;
        reference = value[start..position];
        return true;
    }

    /// <summary>The position of the parenthesis that closes the one at <paramref name="start"/>; -1 when there is none.</summary>
    protected static int FindClose(string text, int start, char open, char close)
    {
        var level = 0;
        for (var i = start; i < text.Length; i++)
        {
            if (text[i] == open)
                level++;
            else if (text[i] == close && --level == 0)
                return i;
        }
        return -1;
    }
}
