using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Import;

/// <summary>A layer of parameters that stand in Postfix's files.</summary>
internal sealed class SettingSource : ParameterSource
{
    private readonly IReadOnlyDictionary<string, PostfixSetting> _settings;

    /// <summary>Makes the layer.</summary>
    public SettingSource(IReadOnlyDictionary<string, PostfixSetting> settings)
    {
        _settings = settings;
        Data = settings.Values.ToDictionary(setting => setting.Name, setting => (string?)setting.Value, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public override SourceLocation Locate(string name) => _settings[name].Location;
}
