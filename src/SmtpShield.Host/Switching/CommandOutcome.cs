namespace SmtpShield.Host.Switching;

/// <summary>How a program ended.</summary>
/// <param name="Status">Its exit status; 127 when it could not be started or was killed.</param>
/// <param name="Output">What it printed on standard output, in one line.</param>
/// <param name="Errors">What it printed on standard error, in one line: there may be warnings also when it succeeds.</param>
internal sealed record CommandOutcome(int Status, string Output, string Errors)
{
    /// <summary>Why it failed, its name in front; empty when it did not.</summary>
    public string FailureOf(string name) =>
        Status == 0 ? "" : $"{name}: {string.Join(": ", ((string[])[$"exit status {Status}", Errors, Output]).Where(text => text.Length > 0))}";
}
