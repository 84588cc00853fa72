using Microsoft.Extensions.Configuration;
using SmtpShield.Options.Binding;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>Asks the shield's own reader what it refuses.</summary>
internal static class ImportCheck
{
    private const string ProxySources = "shield_proxy_sources";

    /// <summary>What would be wrong with a configuration of these lines, under stress and without.</summary>
    public static IReadOnlyList<ConfigurationProblem> Errors(IReadOnlyList<ImportedParameter> parameters)
    {
        var settings = parameters.ToDictionary(parameter => parameter.Setting.Name, parameter => parameter.Setting with { Value = parameter.Value },
            StringComparer.Ordinal);
        // Required with a proxy in front; the import writes it, too.
        settings[ProxySources] = new PostfixSetting(ProxySources, "static:all", SourceLocation.Default, IsOverride: false);
        var file = new MainCfFile("", parameters.ToDictionary(parameter => parameter.Setting.Name, parameter => parameter.Entry, StringComparer.Ordinal), []);
        var problems = new List<ConfigurationProblem>(new NameAudit(file).ReferenceProblems);
        var layers = new ConfigurationBuilder().Add(new DefaultSource()).Add(new SettingSource(settings)).Build();
        foreach (var isUnderStress in (bool[])[false, true])
        {
            var table = new ParameterTable(layers, HostFacts.Local(), isUnderStress);
            new OptionsValidator(table, problems).Validate(new OptionsBinder(table, problems, new(problems, new())).Bind());
        }
        return [.. problems.Where(problem => problem.Severity == ProblemSeverity.Error)];
    }
}
