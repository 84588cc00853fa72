using Microsoft.Extensions.Hosting;
using SmtpShield.Clients;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;

namespace SmtpShield.Bans;

/// <summary>
/// Tells other shields of bans that are made and lifted here, and takes over theirs, where there is a <c>shield_shared_store</c>: within half a second, five
/// exchanges with the default. While the store is away each shield goes by its own; <see cref="CounterSharing"/> logs that.
/// </summary>
internal sealed class BanSharing : BackgroundService
{
    // What is told in one call.
    private const int MostEntries = 200;

    // Bans change rarely: what others count is asked for as often again.
    private const int ExchangesOfAnInterval = 5;

    private readonly BanTable _bans;
    private readonly NeverBanned _never;
    private readonly ShieldSnapshot _snapshot;
    private readonly SharedStores _stores;
    private readonly TimeProvider _time;
    private readonly string _owner = NewName();
    private readonly Lock _gate = new();
    private readonly SharedSignal _hurry = new();
    private readonly Dictionary<ClientRange, long> _changed = [];
    private string _epoch = "";
    private long _cursor;

    /// <summary>Nothing is told before it is started.</summary>
    public BanSharing(BanTable bans, NeverBanned never, ShieldSnapshot snapshot, SharedStores stores, TimeProvider time) =>
        (_bans, _never, _snapshot, _stores, _time) = (bans, never, snapshot, stores, time);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = _snapshot.GetChangeToken();
            if (SharingTerms.Of(_snapshot) is { AreShared: true } terms)
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
        _bans.Changed += Note;
        ISharedStore? store = null;
        try
        {
            while (!stopping.IsCancellationRequested && SharingTerms.Of(_snapshot) == terms)
            {
                var interval = TimeSpan.FromSeconds((double)ExchangesOfAnInterval / _snapshot.Current.Sharing.ExchangeRate);
                var next = Task.Delay(interval, _time, stopping);
                bool hasMore;
                try
                {
                    store ??= _stores(_snapshot.Current.Sharing);
                    hasMore = await ExchangeAsync(store);
                }
                catch (Exception)
                {
                    // The store is an adviser: whatever comes of asking it, the shield goes on. Who counts says so for both.
                    await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    continue;
                }

                if (!hasMore)
                    await Task.WhenAny(next, _hurry.Task);
            }
        }
        finally
        {
            _bans.Changed -= Note;
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
                Entries = [.. told.Select(EntryOf).Where(static entry => entry.Left > TimeSpan.Zero)],
            }).WaitAsync(CounterExchange.Patience, _time);
        }
        catch
        {
            PutBack(told);
            throw;
        }

        foreach (var entry in answer.Entries)
            Take(entry);
        if (!answer.IsKnown)
            NoteAll();
        (_epoch, _cursor) = (answer.Epoch, answer.Cursor);
        lock (_gate)
            return answer.HasMore || _changed.Count > 0;
    }

    // The bans there are at the begin, and where the store has forgotten what it was told.
    private void NoteAll()
    {
        foreach (var ban in _bans.All())
            Note(ban.Prefix, liftedAt: 0);
    }

    private void Note(Ban ban, BanChangeKind kind)
    {
        if (kind is BanChangeKind.Ended or BanChangeKind.LiftedElsewhere || (kind == BanChangeKind.Began && ban.IsTold))
            return;

        Note(ban.Prefix, kind == BanChangeKind.Lifted ? _time.GetTimestamp() : 0);
        _hurry.Set();
    }

    // At most as many as there may be bans, and those that were lifted between two calls.
    private void Note(in ClientRange prefix, long liftedAt)
    {
        lock (_gate)
            _changed[prefix] = liftedAt;
    }

    private List<KeyValuePair<ClientRange, long>> TakeChanged()
    {
        lock (_gate)
        {
            var taken = _changed.Take(MostEntries).ToList();
            foreach (var (prefix, _) in taken)
                _changed.Remove(prefix);
            return taken;
        }
    }

    private void PutBack(List<KeyValuePair<ClientRange, long>> told)
    {
        lock (_gate)
        {
            foreach (var (prefix, liftedAt) in told)
                _changed.TryAdd(prefix, liftedAt);
        }
    }

    // A ban that has ended by now has nothing left.
    private SharedEntry EntryOf(KeyValuePair<ClientRange, long> changed) =>
        changed.Value > 0 ? SharedBans.OfLifted(changed.Key, _time.GetElapsedTime(changed.Value))
        : _bans.Of(changed.Key) is { } ban ? SharedBans.Of(ban, _snapshot.Current.Sharing.Name, _time.GetUtcNow())
        : default;

    // What cannot be read, or is of one who is never banned here, is another shield's affair.
    private void Take(in SharedEntry entry)
    {
        if (!SharedBans.TryRead(entry, _time.GetUtcNow(), out var prefix, out var ban))
            return;

        if (ban is null)
            _bans.LiftOlder(prefix, _time.GetUtcNow() - entry.Age);
        else if (!prefix.IsAddress || _never.WhyNot(prefix.Address) is null)
            _bans.TakeOver(ban);
    }
}
