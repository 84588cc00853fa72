using SmtpShield.PostfixConf;

namespace SmtpShield.Options;

/// <summary>What one reading of the configuration came to: options, or the errors that prevent them.</summary>
/// <param name="Options">The options; null when there is an error.</param>
/// <param name="Problems">Everything that is to be said about the configuration: errors first, each kind in the order of the lines.</param>
public sealed record ShieldConfigurationResult(ShieldOptions? Options, IReadOnlyList<ConfigurationProblem> Problems)
{
    /// <summary>Why there are no options; empty when there are.</summary>
    public IEnumerable<ConfigurationProblem> Errors => Of(ProblemSeverity.Error);

    /// <summary>What is accepted, but probably not meant.</summary>
    public IEnumerable<ConfigurationProblem> Warnings => Of(ProblemSeverity.Warning);

    /// <summary>Postfix parameters that are set and not used.</summary>
    public IEnumerable<ConfigurationProblem> Notes => Of(ProblemSeverity.Note);

    /// <summary>The files that were read: main.cf, and those its lists name.</summary>
    internal IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Whether nobody has set <c>myhostname</c>, and it was made from the name of this host.</summary>
    internal bool IsHostnameMadeUp { get; init; }

    private IEnumerable<ConfigurationProblem> Of(ProblemSeverity severity) => Problems.Where(problem => problem.Severity == severity);
}
