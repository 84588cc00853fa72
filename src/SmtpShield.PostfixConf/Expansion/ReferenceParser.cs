namespace SmtpShield.PostfixConf.Expansion;

/// <summary>
/// Understands what stands in a macro reference: a name or a comparison, and the texts behind <c>?</c> and <c>:</c> (Postfix <c>util/mac_expand.c</c>).
/// </summary>
internal abstract class ReferenceParser : MacroParser
{
    private const string Operators = "<>!=?+-*/~&|%";

    // The quotes are Postfix's.
    private const string OperatorExpected = "\"==\" or \"!=\"\" or \"<\"\" or \"<=\"\" or \">=\"\" or \">\" expected at: ";

    /// <summary>What a name or a comparison is worth; null when the name has no value.</summary>
    protected readonly record struct Subject(string? Value)
    {
        /// <summary>Whether the text behind <c>?</c> applies.</summary>
        public bool IsTrue => !string.IsNullOrEmpty(Value);
    }

    /// <summary>The value of a name.</summary>
    protected abstract Subject Lookup(string name);

    /// <summary>Whether a comparison holds; both sides not expanded yet. A failed one reports its error.</summary>
    protected abstract Subject Compare(string left, string comparison, string suffix, string right);

    /// <summary>A reference without <c>?</c> and <c>:</c>.</summary>
    protected abstract void OnSubject(Subject subject, bool isName);

    /// <summary>The text that applies when <paramref name="applies"/>, and else does not.</summary>
    protected abstract void OnChoice(string text, bool applies);

    /// <inheritdoc/>
    protected override void OnReference(string text)
    {
        var start = SkipSpace(text, 0);
        var isName = start == text.Length || text[start] != '{';
        var position = start;
        var subject = isName ? TakeName(text, ref position) : TakeComparison(text, ref position);
        if (Failed)
            return;
        if (position == text.Length)
            OnSubject(subject, isName);
        else
            TakeChoices(text, position, subject);
    }

    private static int SkipSpace(string text, int position)
    {
        while (position < text.Length && text[position] is ' ' or '\t' or '\r' or '\n')
            position++;
        return position;
    }

    private Subject TakeName(string text, ref int position)
    {
        for (var start = position; ; position++)
        {
            var next = SkipSpace(text, position);
            if (next == text.Length || text[next] is '?' or ':')
            {
                var name = text[start..position];
                position = next;
                return Lookup(name);
            }
            if (!Ascii.IsName(text[position]))
            {
                Fail($"attribute name syntax error at: \"...{text[..position]}>>>{Printable.Start(text[position..], 20)}\"");
                return default;
            }
        }
    }

    private Subject TakeComparison(string text, ref int position)
    {
        if (!TryTakeBraces(text, ref position, out var left))
            return default;
        var end = position;
        while (end < text.Length && Operators.Contains(text[end], StringComparison.Ordinal))
            end++;
        var comparison = text[position..end];
        if (comparison is not ("==" or "!=" or "<" or "<=" or ">=" or ">"))
        {
            Fail($"{OperatorExpected}\"...{left}}}>>>{Printable.Start(text[position..], 20)}\"");
            return default;
        }
        var suffixEnd = end;
        while (suffixEnd < text.Length && char.IsAsciiLetterOrDigit(text[suffixEnd]))
            suffixEnd++;
        var suffix = text[end..suffixEnd];
        if (suffix is not ("" or "level"))
        {
            Fail($"bad operator suffix at: \"...{comparison}>>>{suffix}\"");
            return default;
        }
        position = SkipSpace(text, suffixEnd);
        if (position == text.Length || text[position] != '{')
        {
            Fail($"\"{{expression}}\" expected at: \"...{{{left}}} {comparison}>>>{Printable.Start(text[suffixEnd..], 20)}\"");
            return default;
        }
        if (!TryTakeBraces(text, ref position, out var right))
            return default;
        if (position < text.Length && text[position] is not ('?' or ':'))
        {
            Fail($"\"?\" or \":\" expected at: \"...}}>>>{Printable.Start(text[position..], 20)}\"");
            return default;
        }
        return Compare(left, comparison, suffix, right);
    }

    private void TakeChoices(string text, int position, Subject subject)
    {
        if (text[position] == '?')
        {
            if (!TryTakeChoice(text, ref position, out var then))
                return;
            OnChoice(then, subject.IsTrue);
            if (Failed || position == text.Length)
                return;
            if (text[position] != ':')
            {
                Fail($"\":\" expected at: \"...{then}}}>>>{Printable.Start(text[position..], 20)}\"");
                return;
            }
        }
        if (!TryTakeChoice(text, ref position, out var otherwise))
            return;
        OnChoice(otherwise, !subject.IsTrue);
        if (!Failed && position < text.Length)
            Fail($"unexpected input at: \"...{otherwise}}}>>>{Printable.Start(text[position..], 20)}\"");
    }

    // Without braces the choice is the whole rest: ${a?x:y} gives "x:y".
    private bool TryTakeChoice(string text, ref int position, out string choice)
    {
        var start = SkipSpace(text, position + 1);
        if (start < text.Length && text[start] == '{')
        {
            position = start;
            return TryTakeBraces(text, ref position, out choice);
        }
        choice = text[(position + 1)..];
        position = text.Length;
        return true;
    }

    private bool TryTakeBraces(string text, ref int position, out string content)
    {
        var end = FindClose(text, position, '{', '}');
        if (end < 0)
        {
            Fail($"unbalanced {{}} in attribute expression: \"{text[position..]}\"");
            content = "";
            return false;
        }
        content = text[(position + 1)..end];
        position = SkipSpace(text, end + 1);
        return true;
    }
}
