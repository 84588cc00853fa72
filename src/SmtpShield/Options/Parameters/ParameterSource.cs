using SmtpShield.PostfixConf;

namespace SmtpShield.Options.Parameters;

/// <summary>
/// A layer of parameters that knows where each was set. Names keep upper and lower case apart, as in Postfix, unlike other configuration providers.
/// </summary>
internal abstract class ParameterSource : ConfigurationProvider, IConfigurationSource
{
    /// <summary>Makes an empty layer.</summary>
    protected ParameterSource() => Data = new Dictionary<string, string?>(StringComparer.Ordinal);

    /// <summary>The names that are set here.</summary>
    public ICollection<string> Names => Data.Keys;

    /// <summary>Where a name of this layer was set.</summary>
    public abstract SourceLocation Locate(string name);

    /// <inheritdoc/>
    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;
}
