namespace SmtpShield.PostfixConf;

/// <summary>One thing that is wrong with the configuration: where, what, and what would be right.</summary>
/// <param name="Severity">What it means for the configuration.</param>
/// <param name="Location">Where it was written.</param>
/// <param name="Parameter">The parameter; empty when the line has none.</param>
/// <param name="Message">What is wrong, in Postfix's words where Postfix has some.</param>
/// <param name="Hint">What would be right; empty when the message says it.</param>
public sealed record ConfigurationProblem(ProblemSeverity Severity, SourceLocation Location, string Parameter, string Message, string Hint = "")
{
    /// <summary>An error.</summary>
    internal static ConfigurationProblem Error(SourceLocation location, string parameter, string message, string hint = "") =>
        new(ProblemSeverity.Error, location, parameter, message, hint);

    /// <summary>A warning.</summary>
    internal static ConfigurationProblem Warning(SourceLocation location, string parameter, string message, string hint = "") =>
        new(ProblemSeverity.Warning, location, parameter, message, hint);

    /// <summary>One line for a log or a terminal, without the severity.</summary>
    public override string ToString()
    {
        var message = Message.Contains(Parameter, StringComparison.Ordinal) ? Message : $"{Parameter}: {Message}";
        return Printable.Text(Hint.Length == 0 ? $"{Location}: {message}" : $"{Location}: {message} ({Hint})");
    }
}
