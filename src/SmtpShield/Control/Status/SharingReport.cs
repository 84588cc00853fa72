using SmtpShield.Limits.Shared;

namespace SmtpShield.Control.Status;

/// <summary>How counting together with other shields goes.</summary>
/// <param name="Store">The stores, separated by commas.</param>
/// <param name="Shields">Shields that share, this one included, as it was told last.</param>
/// <param name="AgeMs">Milliseconds since the store has answered; of several the one that has not for the longest time.</param>
/// <param name="Backlog">Clients that wait to be reported, to any store.</param>
/// <param name="Stores">Each store.</param>
internal sealed record SharingReport(string Store, int Shields, long AgeMs, int Backlog, IReadOnlyList<StoreReport> Stores)
{
    /// <summary>Why a store does not answer, the first one of the list; null: all do.</summary>
    public string? Failure { get; init; }

    /// <summary>What is told of a state.</summary>
    public static SharingReport Of(SharingState state)
    {
        List<StoreReport> stores = [.. state.Stores.Select(StoreReport.Of)];
        return new(string.Join(", ", stores.Select(static store => store.Store)), state.Members, stores.Max(static store => store.AgeMs),
            stores.Sum(static store => store.Backlog), stores)
        {
            Failure = stores.Find(static store => store.Failure is not null)?.Failure,
        };
    }
}
