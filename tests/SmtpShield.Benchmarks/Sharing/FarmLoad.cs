using System.Globalization;
using SmtpShield.Benchmarks.Observe;
using SmtpShield.Benchmarks.Speed;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Sharing;

namespace SmtpShield.Benchmarks.Sharing;

/// <summary>A hundred shields that report all they can, to one store and to several: what a report costs, and how equally the stores are busy.</summary>
internal sealed class FarmLoad : IAsyncDisposable
{
    private const int Shields = 100;
    private const int Clients = 200_000;
    private const int ExchangesOfAShield = 18;

    // Calls a store has at a time: enough to be busy, and none is answered too late to count.
    private const int CallsAtATime = 8;

    private readonly IReadOnlyList<RedisInstance> _redis;
    private readonly List<RedisStore> _stores = [];
    private readonly List<int>[] _clients;
    private readonly SemaphoreSlim[] _turns;

    private FarmLoad(IReadOnlyList<RedisInstance> redis)
    {
        _redis = redis;
        if (SharedStoreList.TryRead(string.Join(',', redis.Select(static one => one.Address)), out var addresses) is { } wrong)
            throw new InvalidOperationException(wrong);
        var map = new StoreMap(addresses);
        _clients = [.. redis.Select(static _ => new List<int>())];
        _turns = [.. redis.Select(static _ => new SemaphoreSlim(CallsAtATime))];
        for (var client = 0; client < Clients; client++)
            _clients[map.PartitionOf(FullTables.RangeOf(client))].Add(client);
        foreach (var one in redis)
            _stores.Add(RedisStores.Open(one.Address, "smtpshield"));
    }

    private IEnumerable<TimeSpan> StoreTimes => _redis.Select(static one => ProcessFigures.ProcessorTimeOf(one.Id));

    /// <summary>Measures it.</summary>
    /// <param name="stores">How many stores there are.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<ObserveFigure> MeasureAsync(int stores, CancellationToken cancellationToken)
    {
        List<RedisInstance> redis = [];
        for (var i = 0; i < stores; i++)
            redis.Add(await RedisInstance.StartAsync(cancellationToken));
        await using var load = new FarmLoad(redis);
        var before = load.StoreTimes.ToList();
        var start = TimeProvider.System.GetTimestamp();
        var reports = (await Task.WhenAll(Enumerable.Range(0, stores * Shields).Select(number => load.ReportAsync(number % stores, number)))).Sum();
        var elapsed = TimeProvider.System.GetElapsedTime(start);
        var used = load.StoreTimes.Zip(before, static (now, then) => now - then).ToList();
        return new($"100 shields that report all they can to {(stores == 1 ? "a store" : $"{stores} stores")}: reports a second; a store's processor for one; "
                + "cores of each store",
            string.Create(CultureInfo.InvariantCulture,
                $"{reports / elapsed.TotalSeconds:N0}; {used.Sum(static one => one.TotalMicroseconds) / reports:0.0} µs; ")
                + string.Join(", ", used.Select(one => (one / elapsed).ToString("0.00", CultureInfo.InvariantCulture))));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var store in _stores)
            await store.DisposeAsync();
        foreach (var redis in _redis)
            await redis.DisposeAsync();
        foreach (var turns in _turns)
            turns.Dispose();
    }

    // How many were answered.
    private async Task<int> ReportAsync(int store, int number)
    {
        var answered = 0;
        var member = new SimulatedMember($"{number + 1:x16}", _clients[store]);
        for (var i = 0; i < ExchangesOfAShield / _redis.Count; i++)
        {
            await _turns[store].WaitAsync();
            answered += await member.ExchangeAsync(_stores[store].Partition(0), CounterExchange.MostReports) ? CounterExchange.MostReports : 0;
            _turns[store].Release();
        }

        return answered;
    }
}
