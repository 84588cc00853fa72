using SmtpShield.Limits.Shared;

namespace SmtpShield.Control.Status;

/// <summary>How counting together goes over one store.</summary>
/// <param name="Store">The store.</param>
/// <param name="Partitions">Its partitions.</param>
/// <param name="AgeMs">Milliseconds since it has answered; of several partitions the one that has not for the longest time.</param>
/// <param name="Backlog">Clients that wait to be reported to it.</param>
internal sealed record StoreReport(string Store, int Partitions, long AgeMs, int Backlog)
{
    /// <summary>Why it does not answer; null: it does.</summary>
    public string? Failure { get; init; }

    /// <summary>What is told of a store.</summary>
    public static StoreReport Of(StoreState store) =>
        new(store.Name, store.Partitions, (long)store.Age.TotalMilliseconds, store.Backlog) { Failure = store.Failure };
}
