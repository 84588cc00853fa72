namespace SmtpShield.PostfixConf.Lists;

/// <summary>Splits a list at commas and blanks; braces protect what is in them (Postfix <c>mystrtokq</c>).</summary>
internal ref struct ListTokenizer(ReadOnlySpan<char> text)
{
    private ReadOnlySpan<char> _rest = text;

    /// <summary>The element read last.</summary>
    public ReadOnlySpan<char> Current { get; private set; }

    /// <summary>Reads the next element.</summary>
    public bool MoveNext()
    {
        _rest = _rest.TrimStart(Ascii.Space + ",");
        if (_rest.IsEmpty)
            return false;
        var level = 0;
        var end = 0;
        for (; end < _rest.Length && (level > 0 || !IsSeparator(_rest[end])); end++)
        {
            if (_rest[end] == '{')
                level++;
            else if (_rest[end] == '}' && level > 0)
                level--;
        }
        Current = _rest[..end];
        _rest = _rest[end..];
        return true;
    }

    private static bool IsSeparator(char c) => c == ',' || Ascii.IsSpace(c);

    /// <summary>All elements.</summary>
    public static List<string> Split(string text)
    {
        var elements = new List<string>();
        var tokens = new ListTokenizer(text);
        while (tokens.MoveNext())
            elements.Add(tokens.Current.ToString());
        return elements;
    }
}
