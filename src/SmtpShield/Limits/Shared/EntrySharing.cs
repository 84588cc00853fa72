using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>
/// Tells other shields what holds for all of them, and takes over what they tell: within half a second, five exchanges with the default. Each entry has its
/// store, chosen by its key as a client's is. While that is away each shield goes by its own; <see cref="CounterSharing"/> logs it.
/// </summary>
internal sealed class EntrySharing(IEnumerable<ISharedEntries> kinds, ShieldSnapshot snapshot, TimeProvider time) : ISharedWork
{
    // It changes rarely: what others count is asked for as often again.
    private const int ExchangesOfAnInterval = 5;

    private readonly ISharedEntries[] _kinds = [.. kinds];

    /// <inheritdoc/>
    public async Task ShareAsync(SharingPeriod period, CancellationToken over)
    {
        var exchanges = new EntryExchange[period.Stores.Count];
        for (var i = 0; i < exchanges.Length; i++)
        {
            var store = i;
            exchanges[i] = new(_kinds, key => period.Map.StoreOf(key) == store, time);
        }

        foreach (var kind in _kinds)
            kind.Follow((key, entry) => exchanges[period.Map.StoreOf(key)].Tell(key, entry));
        try
        {
            await Task.WhenAll(exchanges.Select((exchange, store) => ExchangeAsync(exchange, period.Stores[store].Partition(0), over)));
        }
        finally
        {
            foreach (var kind in _kinds)
                kind.Follow(null);
        }
    }

    private async Task ExchangeAsync(EntryExchange exchange, IStorePartition store, CancellationToken over)
    {
        await Task.Yield();
        while (!over.IsCancellationRequested)
        {
            var next = Task.Delay(TimeSpan.FromSeconds((double)ExchangesOfAnInterval / snapshot.Current.Sharing.ExchangeRate), time, over);
            var (isAway, hasMore) = (false, false);
            try
            {
                hasMore = await exchange.ExchangeAsync(store);
            }
            catch (Exception)
            {
                // The store is an adviser: whatever comes of asking it, the shield goes on. Who counts says so for both.
                isAway = true;
            }

            if (isAway)
                await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            else if (!hasMore)
                await Task.WhenAny(next, exchange.IsAwaited);
        }
    }
}
