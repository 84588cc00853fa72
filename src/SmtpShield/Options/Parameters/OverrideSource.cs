using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.MainCf;

namespace SmtpShield.Options.Parameters;

/// <summary>The layer of <c>-o name=value</c> arguments, above all others; the last of a name wins.</summary>
internal sealed class OverrideSource(IEnumerable<string> overrides) : ParameterSource
{
    private readonly List<ConfigurationProblem> _problems = [];

    /// <summary>Arguments that are no assignments.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems => _problems;

    /// <inheritdoc/>
    public override void Load()
    {
        _problems.Clear();
        foreach (var argument in overrides)
        {
            if (NameValue.TrySplit(argument, out var assignment, out var error))
                Data[assignment.Name] = assignment.Value;
            else
                _problems.Add(
                    ConfigurationProblem.Error(SourceLocation.CommandLine, "", $"invalid parameter override: {argument}: {error}", "write -o name=value"));
        }
    }

    /// <inheritdoc/>
    public override SourceLocation Locate(string name) => SourceLocation.CommandLine;
}
