namespace SmtpShield.Host.Switching;

/// <summary>How a program ended.</summary>
/// <param name="Status">Its exit status; 127 when it could not be started or was killed.</param>
/// <param name="Output">What it printed, in one line.</param>
internal sealed record CommandOutcome(int Status, string Output)
{
    /// <summary>Why it failed, its name in front; empty when it did not.</summary>
    public string FailureOf(string name) => Status == 0 ? "" : $"{name}: exit status {Status}{(Output.Length > 0 ? $": {Output}" : "")}";
}
