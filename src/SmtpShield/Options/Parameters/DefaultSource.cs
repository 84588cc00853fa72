using SmtpShield.PostfixConf;

namespace SmtpShield.Options.Parameters;

/// <summary>The layer of built-in defaults, below all others.</summary>
internal sealed class DefaultSource : ParameterSource
{
    /// <inheritdoc/>
    public override void Load()
    {
        foreach (var (name, definition) in ParameterCatalog.All)
        {
            if (definition.DefaultText is { } text)
                Data[name] = text;
        }
    }

    /// <inheritdoc/>
    public override SourceLocation Locate(string name) => SourceLocation.Default;
}
