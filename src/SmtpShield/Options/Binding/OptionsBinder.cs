using System.Diagnostics.CodeAnalysis;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;

namespace SmtpShield.Options.Binding;

/// <summary>
/// Fills the option records from a parameter table. By reflection, because the configuration binder knows no <c>$name</c>, no Postfix times and no error but
/// the first, and its source generator skips <c>init</c> properties (dotnet/runtime #107856).
/// </summary>
/// <param name="table">The parameters.</param>
/// <param name="problems">Receives what is wrong.</param>
/// <param name="reader">Reads a value; the same one for all tables of one reading.</param>
internal sealed class OptionsBinder(ParameterTable table, ICollection<ConfigurationProblem> problems, ParameterReader reader)
{
    /// <summary>Reads all parameters. After an error the option concerned keeps its initial value, and the result must not be used.</summary>
    public ShieldOptions Bind()
    {
        // Errors in mynetworks are named where it is set, before the lists that refer to it find them again.
        foreach (var definition in ParameterCatalog.All.Values.Where(definition => definition.Property is null && table.IsSet(definition.Name)))
            ReadValue(definition);

        var options = new ShieldOptions();
        foreach (var part in ParameterCatalog.Parts)
            part.SetValue(options, BindPart(part.PropertyType));
        return options;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2067", Justification = ParameterCatalog.IsKept)]
    private object BindPart(Type type)
    {
        var part = Activator.CreateInstance(type)!;
        foreach (var property in ParameterCatalog.OptionProperties(type))
        {
            if (ReadValue(ParameterCatalog.All[ParameterCatalog.NameOf(property)!]) is { } value)
                property.SetValue(part, value);
        }
        return part;
    }

    private object? ReadValue(ParameterDefinition definition)
    {
        var name = table.WrittenName(definition.Name);
        var location = table.Locate(definition.Name);
        var (text, error) = table.Expand(table.Find(definition.Name) ?? "");
        if (error.Length == 0)
            return reader.Read(definition with { Name = name }, text, location);
        problems.Add(ConfigurationProblem.Error(location, name, $"{name}: {error}"));
        return null;
    }
}
