namespace SmtpShield.Limits.Shared;

/// <summary>Tells other shields over one store what holds for all of them, and hears what they tell: one call at a time.</summary>
/// <param name="kinds">What is told, and who takes what is heard.</param>
/// <param name="isHome">Whether entries of a key are told over this store.</param>
/// <param name="time">The clock.</param>
internal sealed class EntryExchange(IReadOnlyList<ISharedEntries> kinds, Func<string, bool> isHome, TimeProvider time)
{
    // What is told in one call.
    private const int MostEntries = 200;

    private readonly string _owner = NewName();
    private readonly Lock _gate = new();
    private readonly SharedSignal _hurry = new();
    private readonly Dictionary<string, Func<SharedEntry?>> _changed = new(StringComparer.Ordinal);
    private string _epoch = "";
    private long _cursor;

    /// <summary>Completes when there is something to tell.</summary>
    public Task IsAwaited => _hurry.Task;

    /// <summary>An entry is to be told. At most as many wait as there are, and what came between two calls.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="entry">Makes it when it is told; null: there is nothing left to tell.</param>
    public void Tell(string key, Func<SharedEntry?> entry)
    {
        lock (_gate)
            _changed[key] = entry;
        _hurry.Set();
    }

    /// <summary>One call.</summary>
    /// <param name="store">The partition of the store that has entries.</param>
    /// <returns>Whether there is more to tell, or to hear.</returns>
    /// <exception cref="Exception">It has not answered: what was to be told is told by the next call.</exception>
    public async Task<bool> ExchangeAsync(IStorePartition store)
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
            }).WaitAsync(CounterExchange.Patience, time).ConfigureAwait(false);
        }
        catch
        {
            PutBack(told);
            throw;
        }

        // What cannot be read is a later version's affair.
        foreach (var entry in answer.Entries)
            _ = kinds.Any(kind => kind.TryTake(entry));
        if (!answer.IsKnown)
            TellAll();
        (_epoch, _cursor) = (answer.Epoch, answer.Cursor);
        lock (_gate)
            return answer.HasMore || _changed.Count > 0;
    }

    private static string NewName() => Guid.NewGuid().ToString("N")[..16];

    private void TellAll()
    {
        foreach (var (key, entry) in kinds.SelectMany(static kind => kind.All()))
        {
            if (isHome(key))
                Tell(key, entry);
        }
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
