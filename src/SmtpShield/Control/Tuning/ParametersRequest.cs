using SmtpShield.Control.Changes;

namespace SmtpShield.Control.Tuning;

/// <summary>The body of a request that sets or resets several parameters, all of them or none.</summary>
/// <param name="Set">Values, by name as main.cf has it.</param>
/// <param name="Reset">Names.</param>
/// <param name="To">Goes back to what was set at this revision: of <paramref name="Reset"/>, or of everything where that is null.</param>
/// <param name="ForS">Seconds what is set lasts; null: until it is reset.</param>
/// <param name="DryRun">Whether to say only what would come of it.</param>
/// <param name="Why">For the log.</param>
internal sealed record ParametersRequest(
    IReadOnlyDictionary<string, string>? Set = null, IReadOnlyList<string>? Reset = null, int? To = null, long? ForS = null, bool DryRun = false,
    string? Why = null) : ChangeRequest(Why);
