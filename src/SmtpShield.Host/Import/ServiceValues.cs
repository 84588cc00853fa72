using Microsoft.Extensions.Configuration;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Expansion;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.MasterCf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>What Postfix has set for one service: main.cf with the service's overrides above it.</summary>
internal sealed class ServiceValues
{
    // What postscreen reads off the connection before smtpd has it, and the parameter of an smtpd without postscreen for the same.
    private static readonly (string Postscreen, string Smtpd)[] ReadInFront =
    [
        ("postscreen_upstream_proxy_protocol", "smtpd_upstream_proxy_protocol"),
        ("postscreen_upstream_proxy_timeout", "smtpd_upstream_proxy_timeout"),
    ];

    private readonly Dictionary<string, PostfixSetting> _settings = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _known;
    private readonly ParameterTable _table;

    /// <summary>Collects the settings.</summary>
    /// <param name="files">The files.</param>
    /// <param name="entry">The service; null for main.cf alone.</param>
    /// <param name="host">What computed defaults are computed from.</param>
    /// <param name="postscreen">The postscreen that hands clients to it: what is read before that is set there, and the service's own value for it counts for
    /// nothing. Null without one.</param>
    public ServiceValues(PostfixFiles files, MasterCfEntry? entry, HostFacts host, MasterCfEntry? postscreen = null)
    {
        foreach (var setting in files.Main.Entries.Values)
            Add(setting, files.Main.Path, isOverride: false);
        foreach (var setting in entry?.Overrides ?? [])
            Add(setting, files.Master.Path, isOverride: true);
        if (postscreen is not null)
            TakeFrom(new ServiceValues(files, postscreen, host), new SourceLocation(files.Master.Path, postscreen.Line));
        _known = new Dictionary<string, string>(PostfixDefaults.Values, StringComparer.Ordinal)
        {
            ["config_directory"] = files.Directory,
            ["service_name"] = entry?.Service ?? "smtp",
        };
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

    private void TakeFrom(ServiceValues front, SourceLocation location)
    {
        foreach (var (postscreen, smtpd) in ReadInFront)
        {
            var (setting, standard) = (front.Find(postscreen), ParameterDefaults.Options[smtpd]);
            var value = setting is null ? standard : front.Expand(setting.Value).Text;
            if (value != standard || Find(smtpd) is not null)
                _settings[smtpd] = new PostfixSetting(smtpd, value, setting?.Location ?? location, IsOverride: true);
        }
    }

    private string? Value(string name) => _settings.GetValueOrDefault(name)?.Value ?? _known.GetValueOrDefault(name) ?? _table.Find(name);

    private void Add(MainCfEntry entry, string path, bool isOverride) =>
        _settings[entry.Name] = new PostfixSetting(entry.Name, string.Join(' ', entry.Value.Split([.. Ascii.Space], StringSplitOptions.RemoveEmptyEntries)),
            new SourceLocation(path, entry.Line), isOverride);
}
