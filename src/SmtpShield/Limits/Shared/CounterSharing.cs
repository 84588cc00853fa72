using Microsoft.Extensions.Logging;
using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>
/// Counts clients together with other shields, over the stores of <c>shield_shared_store</c>: a loop of exchanges with each partition of each store, none of
/// which waits for another one. A store that does not answer is never waited for: its clients' limits count on this shield then.
/// </summary>
internal sealed class CounterSharing(
    AnvilTable table, ShieldSnapshot snapshot, ShieldFarm farm, TimeProvider time, ILogger<CounterSharing> log) : ISharedWork
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    // At the end: what is left to say, and that is all.
    private const int LastExchanges = 100;

    private volatile SharingState? _state;

    /// <summary>How it goes; null: nothing is shared.</summary>
    public SharingState? State => _state;

    /// <inheritdoc/>
    public async Task ShareAsync(SharingPeriod period, CancellationToken over)
    {
        var tables = table.Share(period.Map);
        List<CounterExchange> exchanges = [.. tables.Select(its => new CounterExchange(table, its, snapshot, time))];
        var state = _state = new(period.Map, exchanges, snapshot, farm, time, log);
        try
        {
            await Task.WhenAll(exchanges.Select((_, partition) => ExchangeAsync(state, partition, period.Partition(partition), over)));
        }
        finally
        {
            _state = null;
            table.StopSharing();
            farm.Note(1);
        }
    }

    private async Task ExchangeAsync(SharingState state, int partition, IStorePartition store, CancellationToken over)
    {
        await Task.Yield();
        var (exchange, pause) = (state.Exchanges[partition], TimeSpan.Zero);
        while (!over.IsCancellationRequested)
        {
            var begun = time.GetTimestamp();
            var result = await exchange.ExchangeAsync(store, leaves: false);
            state.Note(partition, result);
            var interval = TimeSpan.FromSeconds(1.0 / snapshot.Current.Sharing.ExchangeRate);
            if (result.Failure is not null)
            {
                await PauseAsync(pause = Longer(pause, interval), over);
                continue;
            }

            pause = TimeSpan.Zero;
            if (!result.HasMore)
                await PauseAsync(interval - time.GetElapsedTime(begun), exchange.IsAwaited, over);
        }

        if (exchange.IsAnswered)
            await LeaveAsync(exchange, store);
    }

    // Others need not wait for the end of the lease: what is open here, if anything, is no more of theirs.
    private static async Task LeaveAsync(CounterExchange exchange, IStorePartition store)
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

    private async Task PauseAsync(TimeSpan pause, CancellationToken over)
    {
        if (pause > TimeSpan.Zero)
            await Task.Delay(pause, time, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    // Or until somebody waits.
    private async Task PauseAsync(TimeSpan pause, Task isAwaited, CancellationToken over)
    {
        if (pause > TimeSpan.Zero)
            await isAwaited.WaitAsync(pause, time, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
