using SmtpShield.PostfixConf;

namespace SmtpShield.Options;

/// <summary>What has come of a running shield's configuration, for those who ask it.</summary>
/// <param name="Path">The file.</param>
/// <param name="Generation">Which configuration is in force: 1 at the start, one more with each that replaces it.</param>
/// <param name="InForceSince">When it came into force.</param>
/// <param name="ReadAt">When the file was read last.</param>
/// <param name="IsInForce">Whether what was read last is in force; otherwise the earlier one is.</param>
/// <param name="NeedsRestart">Whether something has changed that takes effect after a restart.</param>
/// <param name="Problems">Everything there is to say about what was read last.</param>
public sealed record ConfigurationOutcome(
    string Path, int Generation, DateTimeOffset InForceSince, DateTimeOffset ReadAt, bool IsInForce, bool NeedsRestart,
    IReadOnlyList<ConfigurationProblem> Problems);
