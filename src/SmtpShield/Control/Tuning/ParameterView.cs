using SmtpShield.Options;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;

namespace SmtpShield.Control.Tuning;

/// <summary>A parameter as a service has it.</summary>
/// <param name="Service">The service.</param>
/// <param name="Definition">The parameter.</param>
/// <param name="Written">Its name where it was set: with the service, if that has a value of its own.</param>
/// <param name="Value">Its value, expanded, with an empty <c>$stress</c>.</param>
/// <param name="StressValue">The same under stress.</param>
/// <param name="Location">Where it was set.</param>
internal sealed record ParameterView(
    string Service, ParameterDefinition Definition, string Written, string Value, string StressValue, SourceLocation Location)
{
    /// <summary>The parameter's name, without the service.</summary>
    public string Name => Definition.Name;

    /// <summary>Whether the service has a value of its own.</summary>
    public bool IsOwn => Written != Name;

    /// <summary>Parameters of services, by service, in the order of the names. The configuration must stand still meanwhile.</summary>
    public static IReadOnlyList<ParameterView> Of(ShieldConfiguration configuration, IEnumerable<string> services, IReadOnlyCollection<string> names) =>
        [.. services.SelectMany(service => Of(configuration, service, names))];

    private static IEnumerable<ParameterView> Of(ShieldConfiguration configuration, string service, IReadOnlyCollection<string> names)
    {
        var (table, stressed) = (configuration.ParametersOf(service), configuration.StressedParametersOf(service));
        return names.Select(name => new ParameterView(
            service, ParameterCatalog.All[name], table.WrittenName(name), TextOf(table, name), TextOf(stressed, name), table.Locate(name)));
    }

    private static string TextOf(ParameterTable table, string name) => Printable.Text(table.Expand(table.Find(name) ?? "").Text);
}
