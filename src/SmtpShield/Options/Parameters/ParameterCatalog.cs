using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Options.Parameters;

/// <summary>Every parameter the shield knows, found in the option records by their <c>[ConfigurationKeyName]</c>.</summary>
internal static class ParameterCatalog
{
    /// <summary>Why a compiler that leaves out what nobody calls may look for the records' properties all the same.</summary>
    public const string IsKept = "The program's project file has the library among its TrimmerRootAssembly: nothing of it is left out.";

    /// <summary>The parameters, ordered by name.</summary>
    public static IReadOnlyDictionary<string, ParameterDefinition> All { get; } =
        new SortedDictionary<string, ParameterDefinition>(Options().Concat(Supporting()).ToDictionary(definition => definition.Name), StringComparer.Ordinal);

    /// <summary>The parts of <see cref="ShieldOptions"/> that hold parameters.</summary>
    public static IEnumerable<PropertyInfo> Parts => typeof(ShieldOptions).GetProperties().Where(part => OptionProperties(part.PropertyType).Any());

    /// <summary>The properties of a part that are parameters.</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = IsKept)]
    public static IEnumerable<PropertyInfo> OptionProperties(Type part) => part.GetProperties().Where(property => NameOf(property) is not null);

    /// <summary>The parameter a property holds.</summary>
    public static string? NameOf(PropertyInfo property) => property.GetCustomAttribute<ConfigurationKeyNameAttribute>()?.Name;

    private static IEnumerable<ParameterDefinition> Options() =>
        from part in Parts
        from property in OptionProperties(part.PropertyType)
        let name = NameOf(property)
        select new ParameterDefinition(name, ParameterDefaults.Options.GetValueOrDefault(name), property, property.PropertyType);

    private static IEnumerable<ParameterDefinition> Supporting() =>
    [
        new("mydomain", null, null, typeof(string)),
        new("mynetworks", null, null, typeof(AddressPatternList)),
        .. ParameterDefaults.Supporting.Select(pair => new ParameterDefinition(pair.Key, pair.Value, null, typeof(string))),
    ];
}
