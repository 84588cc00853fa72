namespace SmtpShield.Control.Tuning;

/// <summary>The answer to a change of parameters.</summary>
/// <param name="Revision">Of the configuration that is in force now.</param>
/// <param name="DryRun">Whether nothing was changed.</param>
/// <param name="Changes">By name and service.</param>
/// <param name="Notes">What else is to be known, a sentence each.</param>
internal sealed record ParameterChanges(int Revision, bool DryRun, IReadOnlyList<ParameterChange> Changes, IReadOnlyList<string> Notes)
{
    /// <summary>When that was so.</summary>
    public DateTimeOffset? At { get; init; }
}
