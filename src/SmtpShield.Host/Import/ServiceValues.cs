using Microsoft.Extensions.Configuration;
using SmtpShield.Configuration;
using SmtpShield.Configuration.Expansion;
using SmtpShield.Configuration.MainCf;
using SmtpShield.Configuration.MasterCf;
using SmtpShield.Configuration.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>What Postfix has set for one service: main.cf with the service's overrides above it.</summary>
internal sealed class ServiceValues
{
    private readonly Dictionary<string, PostfixSetting> _settings = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _known;
    private readonly ParameterTable _table;

    /// <summary>Collects the settings.</summary>
    /// <param name="files">The files.</param>
    /// <param name="entry">The service; null for main.cf alone.</param>
    /// <param name="host">What computed defaults are computed from.</param>
    public ServiceValues(PostfixFiles files, MasterCfEntry? entry, HostFacts host)
    {
        foreach (var setting in files.Main.Entries.Values)
            Add(setting, files.Main.Path, isOverride: false);
        foreach (var setting in entry?.Overrides ?? [])
            Add(setting, files.Master.Path, isOverride: true);
        _known = new Dictionary<string, string>(PostfixDefaults.Values, StringComparer.Ordinal) { ["config_directory"] = files.Directory, ["service_name"] = entry?.Service ?? "smtp" };
        _table = new ParameterTable(new ConfigurationBuilder().Add(new DefaultSource()).Add(new SettingSource(_settings)).Build(), host);
    }

    /// <summary>The settings, by the place they are set at.</summary>
    public IEnumerable<PostfixSetting> Settings => _settings.Values.OrderBy(setting => setting.IsOverride).ThenBy(setting => setting.Location.Line);

    /// <summary>The setting of a name; null when it is not set.</summary>
    public PostfixSetting? Find(string name) => _settings.GetValueOrDefault(name);

    /// <summary>Whether the name has a value: it is set, or its default is known here.</summary>
    public bool HasValue(string name) => Value(name) is not null;

    /// <summary>A value with its references replaced.</summary>
    public ExpansionResult Expand(string value) => MacroExpander.Expand(value, Value);

    /// <summary>The expanded value of a name; empty when it has none.</summary>
    public string Text(string name) => Value(name) is { } value ? Expand(value).Text : "";

    /// <summary><c>default_process_limit</c>; 0 for no limit.</summary>
    public int ProcessLimit => int.TryParse(Text("default_process_limit"), out var limit) ? limit : PostfixDefaults.ProcessLimit;

    private string? Value(string name) => _settings.GetValueOrDefault(name)?.Value ?? _known.GetValueOrDefault(name) ?? _table.Find(name);

    private void Add(MainCfEntry entry, string path, bool isOverride) =>
        _settings[entry.Name] = new PostfixSetting(entry.Name, string.Join(' ', entry.Value.Split([.. Ascii.Space], StringSplitOptions.RemoveEmptyEntries)), new SourceLocation(path, entry.Line), isOverride);
}
