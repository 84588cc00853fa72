using SmtpShield.Options;

namespace SmtpShield.Control.Status;

/// <summary>What has come of main.cf.</summary>
/// <param name="Path">The file.</param>
/// <param name="Generation">Which configuration is in force: 1 at the start, one more with each that replaced it.</param>
/// <param name="InForceSince">Since when it is in force.</param>
/// <param name="ReadAt">When the file was read last.</param>
/// <param name="Refused">Whether what was read last has errors, so that the earlier one stays in force.</param>
/// <param name="NeedsRestart">Whether something has changed that takes effect after a restart.</param>
/// <param name="Problems">What there is to say about what was read last.</param>
/// <param name="Truncated">Whether there are more problems than an answer has room for.</param>
internal sealed record ConfigurationReport(
    string Path, int Generation, DateTimeOffset InForceSince, DateTimeOffset ReadAt, bool Refused, bool NeedsRestart,
    IReadOnlyList<ControlProblem> Problems, bool Truncated)
{
    /// <summary>Problems in an answer.</summary>
    public const int MostProblems = 100;

    /// <summary>What has come of it.</summary>
    public static ConfigurationReport Of(ConfigurationOutcome outcome) => new(
        outcome.Path, outcome.Generation, outcome.InForceSince, outcome.ReadAt, !outcome.IsInForce, outcome.NeedsRestart,
        [.. outcome.Problems.Take(MostProblems).Select(ControlProblem.Of)], outcome.Problems.Count > MostProblems);
}
