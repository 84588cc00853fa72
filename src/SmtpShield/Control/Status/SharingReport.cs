using SmtpShield.Limits.Shared;

namespace SmtpShield.Control.Status;

/// <summary>How counting together with other shields goes.</summary>
/// <param name="Store">The store.</param>
/// <param name="Shields">Shields that share, this one included, as it was told last.</param>
/// <param name="AgeMs">Milliseconds since the store has answered.</param>
/// <param name="Backlog">Clients that wait to be reported.</param>
internal sealed record SharingReport(string Store, int Shields, long AgeMs, int Backlog)
{
    /// <summary>Why the store does not answer; null: it does.</summary>
    public string? Failure { get; init; }

    /// <summary>What is told of a state.</summary>
    public static SharingReport Of(SharingState state) =>
        new(state.Store, state.Members, (long)state.Age.TotalMilliseconds, state.Backlog) { Failure = state.Failure };
}
