using SmtpShield.PostfixConf.Expansion;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Options.Parameters;

/// <summary>
/// What a value that is set on the running shield may be, before anything is read or said of it: short, on one line, and without a way to a file, whether by a
/// path, a table, or a reference to a value that has one.
/// </summary>
internal static class RunTimeValue
{
    /// <summary>The longest value, in characters.</summary>
    public const int MaxLength = 1000;

    private const string Stress = "stress";

    private static readonly string[] _listReferences = ["$mynetworks", "${mynetworks}", "$(mynetworks)"];

    /// <summary>Why a value may not be set.</summary>
    /// <param name="definition">The parameter.</param>
    /// <param name="value">The value, as written. Nothing of it is said back.</param>
    /// <returns>What is wrong and what would be right; null: nothing yet, and the configuration may be asked.</returns>
    public static (string Message, string Remedy)? WhyNot(ParameterDefinition definition, string value)
    {
        var name = definition.Name;
        if (value.Length > MaxLength)
            return ($"{name}: the value has more than {MaxLength} characters", "what is longer belongs into main.cf");
        if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            return ($"{name}: the value has other characters than printable ASCII", "write it on one line");
        if (definition.ValueType == typeof(AddressPatternList))
            return WhyNotList(name, value);
        if (IsList(definition.ValueType) && value.ContainsAny('/', ':'))
            return ($"{name}: a value that is set at run time may not name files and tables", "write the names, and their values where it has any");
        if (name == Stress)
            return value is "" or "yes" ? null : ("stress may be yes or empty: with anything else it would be as with yes", "write stress=yes, or reset it");
        return MacroScan.Names(value, out _).All(MayBeReferredTo)
            ? null
            : ($"{name}: a value that is set at run time may refer to $stress and to parameters that may be set so", "write the value itself");
    }

    // Those of lists may have files in them.
    private static bool MayBeReferredTo(string name) =>
        name == Stress || (TunableParameters.Contains(name) && !IsList(ParameterCatalog.All[name].ValueType));

    private static bool IsList(Type type) => type == typeof(AddressPatternList) || type == typeof(ShadowList) || type == typeof(IReadOnlyList<string>);

    private static (string Message, string Remedy)? WhyNotList(string name, string value)
    {
        const string Remedy = "write addresses, networks and names";
        foreach (var token in ListTokenizer.Split(value))
        {
            var element = token.TrimStart('!');
            if (_listReferences.Contains(element))
                continue;
            if (element.Contains('$', StringComparison.Ordinal))
                return ($"{name}: of other values only $mynetworks may be an element of a list that is set at run time", Remedy);
            if (element.StartsWith('/') || (!element.StartsWith('[') && element.ContainsAny(':', '{')))
                return ($"{name}: a list that is set at run time may not name files and tables", Remedy);
        }

        return null;
    }

    private static bool ContainsAny(this string text, char one, char other) => text.AsSpan().ContainsAny(one, other);
}
