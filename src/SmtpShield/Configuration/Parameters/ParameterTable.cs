using SmtpShield.Configuration.Expansion;

namespace SmtpShield.Configuration.Parameters;

/// <summary>The value of every name over all layers, not expanded and expanded, and where it was set.</summary>
/// <param name="layers">The layers, lowest first.</param>
/// <param name="host">What computed defaults are computed from.</param>
/// <param name="isUnderStress">Whether an empty <c>$stress</c> counts as <c>yes</c>.</param>
internal sealed class ParameterTable(IConfigurationRoot layers, HostFacts host, bool isUnderStress = false)
{
    private readonly HashSet<string> _computing = new(StringComparer.Ordinal);

    /// <summary>The value as written, or the default; null when there is neither.</summary>
    public string? Find(string name)
    {
        var value = layers[name] ?? Compute(name);
        return isUnderStress && name == "stress" && string.IsNullOrEmpty(value) ? "yes" : value;
    }

    /// <summary>Whether a layer above the built-in defaults sets the name.</summary>
    public bool IsSet(string name) => Layer(name) is not (null or DefaultSource);

    /// <summary>Where the name is set.</summary>
    public SourceLocation Locate(string name) => Layer(name)?.Locate(name) ?? SourceLocation.Default;

    /// <summary>A value with its references replaced.</summary>
    public ExpansionResult Expand(string value) => MacroExpander.Expand(value, Find);

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
                "myhostname" => DerivedDefaults.MyHostname(host, layers["mydomain"] is { } domain ? Expand(domain).Text : null),
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
