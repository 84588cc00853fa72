using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Import;

/// <summary>Something the administrator has to know: a line on standard error and a comment in the file.</summary>
/// <param name="Severity">A warning asks for a decision, a note does not.</param>
/// <param name="Text">One line, the severity not included.</param>
internal sealed record ImportNote(ProblemSeverity Severity, string Text)
{
    /// <summary>A note.</summary>
    public static ImportNote Note(string text) => new(ProblemSeverity.Note, Printable.Text(text));

    /// <summary>A warning.</summary>
    public static ImportNote Warning(string text) => new(ProblemSeverity.Warning, Printable.Text(text));

    /// <summary>With its severity in front.</summary>
    public override string ToString() => $"{(Severity == ProblemSeverity.Warning ? "warning" : "note")}: {Text}";
}
