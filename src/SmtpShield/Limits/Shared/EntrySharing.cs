using Microsoft.Extensions.Hosting;
using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>
/// Tells other shields what holds for all of them, and takes over what they tell, where there is a <c>shield_shared_store</c>: within half a second, five
/// exchanges with the default. While the store is away each shield goes by its own; <see cref="CounterSharing"/> logs that.
/// </summary>
internal sealed class EntrySharing(IEnumerable<ISharedEntries> kinds, ShieldSnapshot snapshot, SharedStores stores, TimeProvider time) : BackgroundService
{
    // What is told in one call.
    private const int MostEntries = 200;

    // It changes rarely: what others count is asked for as often again.
    private const int ExchangesOfAnInterval = 5;

    private readonly ISharedEntries[] _kinds = [.. kinds];
    private readonly string _owner = NewName();
    private readonly Lock _gate = new();
    private readonly SharedSignal _hurry = new();
    private readonly Dictionary<string, Func<SharedEntry?>> _changed = new(StringComparer.Ordinal);
    private string _epoch = "";
    private long _cursor;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = snapshot.GetChangeToken();
            if (SharingTerms.Of(snapshot) is { AreShared: true } terms)
                await ShareAsync(terms, stoppingToken);
            else
                await SharingTerms.ChangeAsync(changed, stoppingToken);
        }
    }

    private static string NewName() => Guid.NewGuid().ToString("N")[..16];

    // Until the terms change.
    private async Task ShareAsync(SharingTerms terms, CancellationToken stopping)
    {
        (_epoch, _cursor) = ("", 0);
        foreach (var kind in _kinds)
            kind.Follow(Tell);
        ISharedStore? store = null;
        try
        {
            while (!stopping.IsCancellationRequested && SharingTerms.Of(snapshot) == terms)
            {
                var next = Task.Delay(TimeSpan.FromSeconds((double)ExchangesOfAnInterval / snapshot.Current.Sharing.ExchangeRate), time, stopping);
                var (isAway, hasMore) = (false, false);
                try
                {
                    store ??= stores(snapshot.Current.Sharing);
                    hasMore = await ExchangeAsync(store);
                }
                catch (Exception)
                {
                    // The store is an adviser: whatever comes of asking it, the shield goes on. Who counts says so for both.
                    isAway = true;
                }

                if (isAway)
                    await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                else if (!hasMore)
                    await Task.WhenAny(next, _hurry.Task);
            }
        }
        finally
        {
            foreach (var kind in _kinds)
                kind.Follow(null);
            lock (_gate)
                _changed.Clear();
            if (store is not null)
                await store.DisposeAsync();
        }
    }

    private async Task<bool> ExchangeAsync(ISharedStore store)
    {
        _hurry.Reset();
        var told = TakeChanged();
        EntryAnswer answer;
        try
        {
            answer = await store.TellAsync(new()
            {
                Owner = _owner,
                Epoch = _epoch,
                NewEpoch = NewName(),
                Cursor = _cursor,
                Entries = [.. told.Select(static one => one.Value()).OfType<SharedEntry>().Where(static entry => entry.Left > TimeSpan.Zero)],
            }).WaitAsync(CounterExchange.Patience, time);
        }
        catch
        {
            PutBack(told);
            throw;
        }

        // What cannot be read is a later version's affair.
        foreach (var entry in answer.Entries)
            _ = Array.Exists(_kinds, kind => kind.TryTake(entry));
        if (!answer.IsKnown)
        {
            foreach (var kind in _kinds)
                kind.TellAll();
        }

        (_epoch, _cursor) = (answer.Epoch, answer.Cursor);
        lock (_gate)
            return answer.HasMore || _changed.Count > 0;
    }

    // At most as many as there are bans, and what came between two calls.
    private void Tell(string key, Func<SharedEntry?> entry)
    {
        lock (_gate)
            _changed[key] = entry;
        _hurry.Set();
    }

    private List<KeyValuePair<string, Func<SharedEntry?>>> TakeChanged()
    {
        lock (_gate)
        {
            var taken = _changed.Take(MostEntries).ToList();
            foreach (var (key, _) in taken)
                _changed.Remove(key);
            return taken;
        }
    }

    private void PutBack(List<KeyValuePair<string, Func<SharedEntry?>>> told)
    {
        lock (_gate)
        {
            foreach (var (key, entry) in told)
                _changed.TryAdd(key, entry);
        }
    }
}
