using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Expansion;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Options.Parameters;

/// <summary>The value of every name over all layers, not expanded and expanded, and where it was set.</summary>
/// <param name="layers">The layers, lowest first.</param>
/// <param name="host">What computed defaults are computed from.</param>
/// <param name="isUnderStress">Whether an empty <c>$stress</c> counts as <c>yes</c>.</param>
/// <param name="service">The service whose own values come before the others, as those of <c>-o</c> in master.cf do; null for none.</param>
internal sealed class ParameterTable(IConfigurationRoot layers, HostFacts host, bool isUnderStress = false, string? service = null)
{
    private readonly HashSet<string> _computing = new(StringComparer.Ordinal);

    /// <summary>The service the values are those of; null for none.</summary>
    public string? Service => service;

    /// <summary>The value as written, or the default; null when there is neither.</summary>
    public string? Find(string name)
    {
        var value = FindOwn(name) ?? layers[name] ?? Compute(name);
        return isUnderStress && name == "stress" && string.IsNullOrEmpty(value) ? "yes" : value;
    }

    /// <summary>Whether a layer above the built-in defaults sets the name.</summary>
    public bool IsSet(string name) => layers[WrittenName(name)] is not null && Layer(WrittenName(name)) is not (null or DefaultSource);

    /// <summary>Where the name is set.</summary>
    public SourceLocation Locate(string name) =>
        WrittenName(name) is var written && Layer(written) is { } layer ? layer.Locate(written) : SourceLocation.Default;

    /// <summary>The name as the file has it, where the service has a value of its own.</summary>
    public string WrittenName(string name) =>
        service is not null && layers[ServiceParameter.Write(service, name)] is not null ? ServiceParameter.Write(service, name) : name;

    /// <summary>A value with its references replaced.</summary>
    public ExpansionResult Expand(string value) => MacroExpander.Expand(value, Find);

    // A service listens where its name says, as in master.cf, unless somebody has written where.
    private string? FindOwn(string name) => service is null ? null
        : layers[ServiceParameter.Write(service, name)]
            ?? (Layer(name) is null or DefaultSource && ServiceDefaults.TryGet(service, name, out var value) ? value : null);

    private ParameterSource? Layer(string name) =>
        layers.Providers.Reverse().OfType<ParameterSource>().FirstOrDefault(layer => layer.TryGet(name, out _));

    // A computed default may refer to itself through a value: myhostname = $mydomain. The inner one is then empty.
    private string? Compute(string name)
    {
        if (name is not ("myhostname" or "mydomain" or "mynetworks"))
            return null;
        if (!_computing.Add(name))
            return "";
        try
        {
            return name switch
            {
                "myhostname" => DerivedDefaults.MyHostname(host, layers[WrittenName("mydomain")] is { } domain ? Expand(domain).Text : null),
                "mydomain" => DerivedDefaults.MyDomain(Expand("$myhostname").Text),
                _ => DerivedDefaults.MyNetworks(host, Expand("$mynetworks_style").Text),
            };
        }
        finally
        {
            _computing.Remove(name);
        }
    }
}
