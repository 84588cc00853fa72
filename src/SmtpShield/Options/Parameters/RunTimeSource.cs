using SmtpShield.PostfixConf;

namespace SmtpShield.Options.Parameters;

/// <summary>The layer of what operators have set on the running shield, above all others. Which values there are others decide.</summary>
internal sealed class RunTimeSource : ParameterSource
{
    /// <summary>The values, by name as main.cf has it.</summary>
    public IReadOnlyDictionary<string, string> Values
    {
        get;
        set
        {
            field = value;
            Data = value.ToDictionary(static pair => pair.Key, static pair => (string?)pair.Value, StringComparer.Ordinal);
        }
    } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <inheritdoc/>
    public override void Load()
    {
    }

    /// <inheritdoc/>
    public override SourceLocation Locate(string name) => SourceLocation.RunTime;
}
