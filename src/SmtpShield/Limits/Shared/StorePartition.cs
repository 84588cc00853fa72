using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>A part of a store, with keys, members and exchanges of its own.</summary>
/// <param name="Store">The store's place in the list.</param>
/// <param name="Number">Which of its partitions: 0 to <see cref="SharedStoreAddress.Partitions"/> − 1.</param>
internal readonly record struct StorePartition(int Store, int Number);
