using SmtpShield.PostfixConf;

namespace SmtpShield.Control;

/// <summary>One thing that is wrong with a request, or with a configuration, in the words of <c>smtpshield check</c>.</summary>
/// <param name="Message">What is wrong.</param>
/// <param name="Remedy">What would be right; null where the message says it.</param>
/// <param name="Parameter">What it is about: a parameter of the configuration, or of the request; null when it is about none.</param>
/// <param name="Source">Where it was written; null of a request.</param>
/// <param name="Line">Its line there, from 1; null where there are none.</param>
/// <param name="Severity"><c>error</c>, <c>warning</c> or <c>note</c>; null of a request, where all are errors.</param>
internal sealed record ControlProblem(
    string Message, string? Remedy = null, string? Parameter = null, string? Source = null, int? Line = null, string? Severity = null)
{
    /// <summary>What is wrong with the configuration.</summary>
    public static ControlProblem Of(ConfigurationProblem problem) => new(
        Printable.Text(problem.Message),
        problem.Hint is { Length: > 0 } hint ? Printable.Text(hint) : null,
        problem.Parameter is { Length: > 0 } parameter ? parameter : null,
        problem.Location.Source,
        problem.Location.Line is > 0 and var line ? line : null,
        problem.Severity.ToString().ToLowerInvariant());

    /// <summary>One line for a terminal.</summary>
    public override string ToString() => Remedy is { Length: > 0 } ? $"{Message} ({Remedy})" : Message;
}
