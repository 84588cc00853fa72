using System.Globalization;
using System.Text;

namespace SmtpShield.PostfixConf.Expansion;

/// <summary>
/// Replaces <c>$name</c>, <c>${name?text}</c>, <c>${{l} == {r} ? {x} : {y}}</c> and their like by values, recursively. Bounded in depth, in length and in work,
/// so that any text ends in a result or an error: <c>a=$b$b</c>, <c>b=$c$c</c> and so on would else double with each line.
/// </summary>
internal sealed class MacroExpander : ReferenceParser
{
    /// <summary>How deep references may nest, as in Postfix.</summary>
    public const int MaxDepth = 100;

    /// <summary>The longest result, in characters.</summary>
    public const int MaxLength = 1024 * 1024;

    /// <summary>How many characters may be looked at for one result, counting a value each time it is used.</summary>
    public const int MaxWork = 8 * 1024 * 1024;

    private readonly Func<string, string?> _lookup;
    private StringBuilder _output = new();
    private int _depth;
    private int _length;
    private int _work;

    private MacroExpander(Func<string, string?> lookup) => _lookup = lookup;

    /// <summary>Expands a value.</summary>
    /// <param name="value">The value as written.</param>
    /// <param name="lookup">The value of a name, not expanded; null when it has none.</param>
    public static ExpansionResult Expand(string value, Func<string, string?> lookup)
    {
        if (!value.Contains('$', StringComparison.Ordinal))
            return new ExpansionResult(value, "");
        var expander = new MacroExpander(lookup);
        expander.Enter(value);
        return new ExpansionResult(expander._output.ToString(), expander.Error);
    }

    /// <inheritdoc/>
    protected override void OnLiteral(string text)
    {
        if (_depth > MaxDepth)
            Fail($"unreasonable macro call nesting: \"{text}\"");
        else if ((_length += text.Length) > MaxLength)
            Fail($"expanded value is longer than {MaxLength} characters");
        else
            _output.Append(text);
    }

    /// <inheritdoc/>
    protected override void OnReference(string text)
    {
        if (_depth++ > MaxDepth)
            Fail($"unreasonable macro call nesting: \"{text}\"");
        else
            base.OnReference(text);
        _depth--;
    }

    /// <inheritdoc/>
    protected override Subject Lookup(string name) => new(_lookup(name));

    /// <inheritdoc/>
    protected override Subject Compare(string left, string comparison, string suffix, string right)
    {
        var (l, r) = (ExpandApart(left), ExpandApart(right));
        if (Failed)
            return default;
        if (!TryOrder(l, r, suffix, out var order))
        {
            Fail($"bad conversion: \"{l}\" {comparison}{suffix} \"{r}\"");
            return default;
        }
        var holds = comparison switch
        {
            "==" => order == 0,
            "!=" => order != 0,
            "<" => order < 0,
            "<=" => order <= 0,
            ">=" => order >= 0,
            _ => order > 0,
        };
        return new Subject(holds ? "true" : "");
    }

    /// <inheritdoc/>
    protected override void OnSubject(Subject subject, bool isName)
    {
        if (subject.IsTrue)
            Enter(subject.Value!);
    }

    /// <inheritdoc/>
    protected override void OnChoice(string text, bool applies)
    {
        if (applies)
            Enter(text);
    }

    private void Enter(string value)
    {
        // One more than the length: values that are empty cost a look-up, too.
        if ((_work += value.Length + 1) > MaxWork)
            Fail($"expanding the value takes more than {MaxWork} steps");
        else
            Parse(value);
    }

    // Postfix begins to count the depth anew here, and overflows its stack for a = ${{$a} == {x}}; the depth goes on counting here.
    private string ExpandApart(string operand)
    {
        var outer = _output;
        _output = new StringBuilder();
        Enter(operand);
        var result = _output.ToString();
        _output = outer;
        return result;
    }

    private static bool TryOrder(string left, string right, string suffix, out int order)
    {
        order = 0;
        if (suffix == "level")
        {
            if (!CompatibilityLevel.TryParse(left, out var leftLevel) || !CompatibilityLevel.TryParse(right, out var rightLevel))
                return false;
            order = leftLevel.CompareTo(rightLevel);
            return true;
        }
        if (!Ascii.IsDigits(left) || !Ascii.IsDigits(right))
        {
            order = string.CompareOrdinal(left, right);
            return true;
        }
        if (!long.TryParse(left, NumberStyles.None, CultureInfo.InvariantCulture, out var l)
            || !long.TryParse(right, NumberStyles.None, CultureInfo.InvariantCulture, out var r))
        {
            return false;
        }
        order = l.CompareTo(r);
        return true;
    }
}
