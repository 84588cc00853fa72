using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Expansion;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>
/// Decides for every setting the shield knows whether it is copied, expanded, or refused, and copies the administrator's own names copied values refer to.
/// </summary>
internal sealed class ParameterImport
{
    // The process limit becomes another number, and Postfix's log file is postlogd's: SessionLimit and StaysInPostfix speak of them.
    private static readonly string[] Elsewhere = ["default_process_limit", "maillog_file"];

    // Where a default that is wrong comes from.
    private static readonly Dictionary<string, string> ComputedFrom = new(StringComparer.Ordinal)
    {
        ["myhostname"] = "mydomain",
        ["mynetworks"] = "mynetworks_style",
    };

    private readonly ServiceValues _values;

    private readonly string _whyNoCertificate;

    private readonly GeneralValues? _general;

    private ParameterImport(ServiceValues values, string whyNoCertificate, GeneralValues? general) =>
        (_values, _whyNoCertificate, _general) = (values, whyNoCertificate, general);

    /// <summary>Whether a parameter of this name is taken over when it can be.</summary>
    public static bool Takes(string name) =>
        ParameterCatalog.All.ContainsKey(name) && !name.StartsWith("shield_", StringComparison.Ordinal) && !Elsewhere.Contains(name);

    /// <summary>Takes over the settings of a service: what is to be written, in the order it is set in.</summary>
    /// <param name="values">What is set for it.</param>
    /// <param name="whyNoCertificate">Why certificates are left out; empty when they are not.</param>
    /// <param name="general">What is written for all services; null when there is one only.</param>
    public static IReadOnlyList<ImportedParameter> Take(ServiceValues values, string whyNoCertificate, GeneralValues? general = null) =>
        new ParameterImport(values, whyNoCertificate, general).Take();

    private List<ImportedParameter> Take()
    {
        var parameters = _values.Settings.Where(setting => Takes(setting.Name)).Select(Decide).ToList();
        // A value is judged with all others in force; without a refused one those that refer to it may be right.
        while (Refuse(parameters))
        {
        }
        return [.. parameters.Concat(Helpers(parameters)).OrderBy(parameter => parameter.Setting.IsOverride)
            .ThenBy(parameter => parameter.Setting.Location.Line)];
    }

    private ImportedParameter Decide(PostfixSetting setting)
    {
        if (_whyNoCertificate.Length > 0 && ServiceTls.CertificateParameters.Contains(setting.Name))
            return new ImportedParameter(setting, setting.Value, $"TLS is not the shield's: {_whyNoCertificate}");
        MacroScan.Names(setting.Value, out var error);
        var names = NamesBehind(setting.Value);
        if (error.Length > 0)
            return Refuse(setting, error);
        if (names.All(IsCopied))
            return new ImportedParameter(setting, setting.Value);
        if (names.FirstOrDefault(name => !_values.HasValue(name) && PostfixParameterNames.Contains(name)) is { } unknown)
            return Refuse(setting, $"it refers to ${unknown}, whose default only Postfix knows", $"write the value that postconf -xh {setting.Name} prints");
        var expanded = _values.Expand(setting.Value);
        return expanded.Succeeded
            ? new ImportedParameter(setting, expanded.Text.Replace("$", "$$", StringComparison.Ordinal))
            : Refuse(setting, expanded.Error);
    }

    // The shield has the name with the same default, or the line that sets it is copied, too.
    private bool IsCopied(string name) => Takes(name)
        ? _values.Find(name) is not null || !PostfixDefaults.Values.ContainsKey(name)
        : IsOwn(name);

    // A name of the administrator's own.
    private bool IsOwn(string name) => _values.Find(name) is not null && !ParameterCatalog.All.ContainsKey(name) && !PostfixParameterNames.Contains(name);

    private ImportedParameter Refuse(PostfixSetting setting, string message, string hint = "") =>
        new(setting, setting.Value, RefusalText.Of(setting.Name, setting.Value, message, hint, General(setting)));

    private string WhyRefused(PostfixSetting setting, ConfigurationProblem error) =>
        RefusalText.Of(setting.Name, setting.Value, error.Message, error.Hint, General(setting));

    private string? General(PostfixSetting setting) =>
        setting.IsOverride ? _general?.Parameters.FirstOrDefault(parameter => parameter.IsTaken && parameter.Setting.Name == setting.Name)?.Value : null;

    // All names a value depends on, directly or through other settings.
    private HashSet<string> NamesBehind(string value)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var pending = new Queue<string>([value]);
        while (pending.TryDequeue(out var text))
        {
            foreach (var name in MacroScan.Names(text, out _).Where(names.Add))
            {
                if (_values.Find(name) is { } setting)
                    pending.Enqueue(setting.Value);
            }
        }
        return names;
    }

    private List<ImportedParameter> Helpers(List<ImportedParameter> parameters) =>
    [
        .. parameters.Where(parameter => parameter.IsTaken && !parameter.IsExpanded).SelectMany(parameter => NamesBehind(parameter.Value)).Distinct()
            .Where(IsOwn).Select(name => _values.Find(name)!).Select(setting => new ImportedParameter(setting, setting.Value)),
    ];

    private bool Refuse(List<ImportedParameter> parameters)
    {
        var errors = ImportCheck.Errors([.. parameters.Where(parameter => parameter.IsTaken), .. Helpers(parameters)]);
        var wrong = parameters.Where(parameter => parameter.IsTaken && ErrorOf(parameter, errors) is not null).ToList();
        var roots = wrong.Where(parameter => !NamesBehind(parameter.Value).Any(name => wrong.Any(other => other != parameter && other.Setting.Name == name)))
            .ToList();
        foreach (var parameter in roots.Count > 0 ? roots : wrong)
            parameters[parameters.IndexOf(parameter)] = parameter with { Refusal = WhyRefused(parameter.Setting, ErrorOf(parameter, errors)!) };
        return wrong.Count > 0;
    }

    private ConfigurationProblem? ErrorOf(ImportedParameter parameter, IReadOnlyList<ConfigurationProblem> errors) =>
        errors.FirstOrDefault(error => error.Parameter == parameter.Setting.Name
            || (error.Location == SourceLocation.Default && ComputedFrom.GetValueOrDefault(error.Parameter) == parameter.Setting.Name))
        ?? errors.FirstOrDefault(error => IsOwn(error.Parameter) && !parameter.IsExpanded && NamesBehind(parameter.Value).Contains(error.Parameter));
}
