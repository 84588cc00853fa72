using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>
/// Counts clients together with other shields, over the store of <c>shield_shared_store</c>, and logs how that goes. A store that does not answer is never
/// waited for: limits count on this shield then.
/// </summary>
internal sealed partial class CounterSharing(
    AnvilTable table, ShieldSnapshot snapshot, SharedStores stores, ShieldFarm farm, TimeProvider time, ILogger<CounterSharing> log) : BackgroundService
{
    // How long a failure that lasts is not logged again.
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    // At the end: what is left to say, and that is all.
    private const int LastExchanges = 100;

    private volatile SharingState? _state;

    /// <summary>How it goes; null: nothing is shared.</summary>
    public SharingState? State => _state;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = snapshot.GetChangeToken();
            if (SharingTerms.Of(snapshot) is { AreShared: true } terms)
                await ShareAsync(terms, snapshot.Current.Sharing, stoppingToken);
            else
                await SharingTerms.ChangeAsync(changed, stoppingToken);
        }
    }

    // Until the terms change.
    private async Task ShareAsync(SharingTerms terms, SharingOptions options, CancellationToken stopping)
    {
        var exchange = new CounterExchange(table, snapshot, time);
        var state = _state = new(SharedStoreAddress.TryRead(options.Store, out var address) is null ? $"{address}" : options.Store, exchange, time);
        ISharedStore? store = null;
        try
        {
            var pause = TimeSpan.Zero;
            while (!stopping.IsCancellationRequested && SharingTerms.Of(snapshot) == terms)
            {
                var begun = time.GetTimestamp();
                var result = await ExchangeAsync();
                Note(state, result);
                farm.Note(state.Members);
                var interval = TimeSpan.FromSeconds(1.0 / snapshot.Current.Sharing.ExchangeRate);
                if (result.Failure is not null)
                    await PauseAsync(pause = Longer(pause, interval), stopping);
                else if (!result.HasMore)
                    await PauseAsync(interval - time.GetElapsedTime(begun), exchange.IsAwaited, stopping);
                if (result.Failure is null)
                    pause = TimeSpan.Zero;
            }

            if (exchange.IsAnswered)
                await LeaveAsync(exchange, store!);
        }
        finally
        {
            _state = null;
            table.StopSharing();
            farm.Note(1);
            if (store is not null)
                await store.DisposeAsync();
        }

        async Task<ExchangeResult> ExchangeAsync()
        {
            try
            {
                store ??= stores(options);
                return await exchange.ExchangeAsync(store, leaves: false);
            }
            catch (SharedStoreException problem)
            {
                return new(problem.Message);
            }
        }
    }

    // Others need not wait for the end of the lease: what is open here, if anything, is no more of theirs.
    private static async Task LeaveAsync(CounterExchange exchange, ISharedStore store)
    {
        var result = new ExchangeResult(Failure: null);
        for (var left = LastExchanges; left > 0 && result.Failure is null && exchange.Backlog > 0; left--)
            result = await exchange.ExchangeAsync(store, leaves: false);
        if (result.Failure is null)
            await exchange.ExchangeAsync(store, leaves: true);
    }

    // Each time twice as long, and not all shields at the same time.
    private static TimeSpan Longer(TimeSpan pause, TimeSpan interval)
    {
        var longer = TimeSpan.FromTicks(Math.Clamp(2 * pause.Ticks, interval.Ticks, LongestPause.Ticks));
        return longer * (0.8 + (0.4 * Random.Shared.NextDouble()));
    }

    private async Task PauseAsync(TimeSpan pause, CancellationToken stopping)
    {
        if (pause > TimeSpan.Zero)
            await Task.Delay(pause, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    // Or until somebody waits.
    private async Task PauseAsync(TimeSpan pause, Task isAwaited, CancellationToken stopping)
    {
        if (pause > TimeSpan.Zero)
            await isAwaited.WaitAsync(pause, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Note(SharingState state, in ExchangeResult result)
    {
        if (result.Failure is { } failure)
        {
            if (state.NoteFailure(failure, Silence))
                Log.DoesNotAnswer(log, state.Store, failure);
            return;
        }

        var (wasAway, members) = (state.LoggedAway, state.Members);
        var isFirst = state.NoteAnswer();
        if (isFirst)
            Log.Joined(log, state.Store, snapshot.Current.Sharing.Name, state.Members);
        else if (wasAway is { } away)
            Log.AnswersAgain(log, state.Store, (long)away.TotalSeconds, state.Members);
        else if (state.Members != members)
            Log.MembersChanged(log, state.Members, members);
        if (result.Resend == ResendReason.Dead)
            Log.TakenForDead(log, result.Resent);
        else if (result.Resend == ResendReason.Lost)
            Log.StoreLost(log, state.Store, result.Resent);
        foreach (var other in result.Members ?? [])
        {
            if (SharingSettings.DifferenceIn(state.Settings, other) is { } difference && state.IsNews(other))
                Log.SettingsDiffer(log, SharingSettings.NameIn(other), difference);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1320, LogLevel.Information, "shared counters: joined {Store} as {Name}; shields: {Members}", EventName = "SharingJoined")]
        public static partial void Joined(ILogger logger, string store, string name, int members);

        [LoggerMessage(1321, LogLevel.Warning, "shared counters: {Store} does not answer ({Reason}): limits count on this shield only",
            EventName = "SharedStoreAway")]
        public static partial void DoesNotAnswer(ILogger logger, string store, string reason);

        [LoggerMessage(1322, LogLevel.Information, "shared counters: {Store} answers again after {Seconds} s; shields: {Members}",
            EventName = "SharedStoreBack")]
        public static partial void AnswersAgain(ILogger logger, string store, long seconds, int members);

        [LoggerMessage(1323, LogLevel.Warning, "shared counters: this shield was taken for dead: {Records} clients are reported again",
            EventName = "TakenForDead")]
        public static partial void TakenForDead(ILogger logger, int records);

        [LoggerMessage(1324, LogLevel.Warning, "shared counters: {Store} has lost what it knew: {Records} clients are reported again",
            EventName = "SharedStoreLost")]
        public static partial void StoreLost(ILogger logger, string store, int records);

        [LoggerMessage(1325, LogLevel.Warning, "shared counters: {Name} has {Setting}, which must be the same on all shields", EventName = "SettingsDiffer")]
        public static partial void SettingsDiffer(ILogger logger, string name, string setting);

        [LoggerMessage(1326, LogLevel.Information, "shared counters: shields: {Members}, {Before} before", EventName = "MembersChanged")]
        public static partial void MembersChanged(ILogger logger, int members, int before);
    }
}
