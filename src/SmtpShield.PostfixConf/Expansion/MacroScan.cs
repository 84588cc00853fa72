namespace SmtpShield.PostfixConf.Expansion;

/// <summary>Finds the names a value refers to, in all its branches, and its first syntax error. Looks nothing up.</summary>
internal sealed class MacroScan : ReferenceParser
{
    private readonly List<string> _names = [];
    private int _depth;

    private MacroScan()
    {
    }

    /// <summary>The names behind <c>$</c> in a value.</summary>
    /// <param name="value">The value as written.</param>
    /// <param name="error">The first syntax error; empty when there is none.</param>
    public static IReadOnlyList<string> Names(string value, out string error)
    {
        error = "";
        if (!value.Contains('$', StringComparison.Ordinal))
            return [];
        var scan = new MacroScan();
        scan.Parse(value);
        error = scan.Error;
        return scan._names;
    }

    /// <inheritdoc/>
    protected override void OnLiteral(string text)
    {
    }

    /// <inheritdoc/>
    protected override void OnReference(string text)
    {
        if (_depth++ > MacroExpander.MaxDepth)
            Fail($"unreasonable macro call nesting: \"{text}\"");
        else
            base.OnReference(text);
        _depth--;
    }

    /// <inheritdoc/>
    protected override Subject Lookup(string name)
    {
        _names.Add(name);
        return default;
    }

    /// <inheritdoc/>
    protected override Subject Compare(string left, string comparison, string suffix, string right)
    {
        Parse(left);
        if (!Failed)
            Parse(right);
        return default;
    }

    /// <inheritdoc/>
    protected override void OnSubject(Subject subject, bool isName)
    {
    }

    /// <inheritdoc/>
    protected override void OnChoice(string text, bool applies) => Parse(text);
}
