using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>The time in which a shield shares on the same <see cref="SharingTerms"/>: its stores, and who is counted in which.</summary>
internal sealed class SharingPeriod : IAsyncDisposable
{
    /// <summary>Begins one; nothing is connected yet.</summary>
    /// <param name="options">The stores.</param>
    /// <param name="stores">Makes them.</param>
    public SharingPeriod(SharingOptions options, SharedStores stores)
    {
        if (SharedStoreList.TryRead(options.Store, out var addresses) is { } wrong)
            throw new ArgumentException(wrong, nameof(options));

        Map = new(addresses);
        Stores = [.. addresses.Select(address => stores(address, options))];
    }

    /// <summary>Who is counted in which.</summary>
    public StoreMap Map { get; }

    /// <summary>The stores, as in <see cref="StoreMap.Stores"/>.</summary>
    public IReadOnlyList<ISharedStore> Stores { get; }

    /// <summary>A partition.</summary>
    /// <param name="index">An index of <see cref="StoreMap.Partitions"/>.</param>
    public IStorePartition Partition(int index)
    {
        var (store, number) = Map.Partitions[index];
        return Stores[store].Partition(number);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var store in Stores)
            await store.DisposeAsync().ConfigureAwait(false);
    }
}
