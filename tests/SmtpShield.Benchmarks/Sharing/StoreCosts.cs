using System.Globalization;
using System.Runtime.CompilerServices;
using SmtpShield.Benchmarks.Observe;
using SmtpShield.Benchmarks.Speed;
using SmtpShield.Limits.Shared;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Sharing;
using StackExchange.Redis;

namespace SmtpShield.Benchmarks.Sharing;

/// <summary>What a real Redis spends on reports, and on shields that have nothing to say; and what a shield does.</summary>
internal sealed class StoreCosts : IAsyncDisposable
{
    private const int Exchanges = 1000;
    private const int Increments = 20_000;
    private const int Shields = 100;
    private const int IdleRounds = 100;
    private const int Clients = 200_000;

    private static readonly int[] s_clients = [.. Enumerable.Range(0, Clients)];

    private readonly RedisInstance _redis;
    private readonly List<SimulatedMember> _members = [];
    private readonly RedisStore _store;

    private StoreCosts(RedisInstance redis)
    {
        _redis = redis;
        _store = RedisStores.Open(redis.Address, "smtpshield");
    }

    private TimeSpan StoreTime => ProcessFigures.ProcessorTimeOf(_redis.Id);

    /// <summary>Measures each.</summary>
    public static async IAsyncEnumerable<ObserveFigure> MeasureAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using (var costs = new StoreCosts(await RedisInstance.StartAsync(cancellationToken)))
        {
            var one = await costs.ReportsAsync(costs.Add(), CounterExchange.MostReports);
            var increment = await costs.IncrementsAsync(cancellationToken);
            yield return new("the store's processor for a report, 200 in a call", Microseconds(one.Store), "");
            yield return new("the same, of a scripted increment that is waited for",
                $"{Microseconds(increment)}; {Ratio(one.Store, increment)}", "≤ 0.5");
            yield return new("the shield's processor for a report, 200 in a call", Microseconds(one.Shield), "≤ 2 µs");
            yield return new("the shield's garbage for a report", string.Create(CultureInfo.InvariantCulture, $"{one.Octets:0} octets"), "≤ 64 octets");
            var small = await costs.ReportsAsync(costs.Add(), 10);
            yield return new("the store's processor for a report, 10 in a call", Microseconds(small.Store), "");
        }

        await using (var costs = new StoreCosts(await RedisInstance.StartAsync(cancellationToken)))
        {
            while (costs._members.Count < Shields)
                await costs.ExchangeAsync(costs.Add(), 0);
            var idle = await costs.IdleAsync();
            yield return new("the store's processor for 100 shields that have nothing to say, of a core, at ten calls a second each",
                string.Create(CultureInfo.InvariantCulture, $"{100 * idle.TotalSeconds * Shields * 10:0.0} %"), "≤ 5 %");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _redis.DisposeAsync();
    }

    private static string Microseconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMicroseconds:0.0} µs");

    private static string Ratio(TimeSpan one, TimeSpan other) => (one / other).ToString("0.00", CultureInfo.InvariantCulture);

    private SimulatedMember Add()
    {
        _members.Add(new($"{_members.Count + 1:x16}", s_clients));
        return _members[^1];
    }

    private Task<bool> ExchangeAsync(SimulatedMember member, int batch) => member.ExchangeAsync(_store.Partition(0), batch);

    private async Task<(TimeSpan Store, TimeSpan Shield, double Octets)> ReportsAsync(SimulatedMember member, int batch)
    {
        await ExchangeAsync(member, batch);
        var (store, shield, octets) = (StoreTime, Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes());
        for (var i = 0; i < Exchanges; i++)
            await ExchangeAsync(member, batch);
        var reports = Exchanges * batch;
        return ((StoreTime - store) / reports, (Environment.CpuUsage.TotalTime - shield) / reports, (double)(GC.GetTotalAllocatedBytes() - octets) / reports);
    }

    private async Task<TimeSpan> IncrementsAsync(CancellationToken cancellationToken)
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"{_redis.EndPoint}");
        var script = await connection.GetServer(_redis.EndPoint).ScriptLoadAsync("return redis.call('INCRBY', KEYS[1], ARGV[1])");
        var store = StoreTime;
        for (var i = 0; i < Increments && !cancellationToken.IsCancellationRequested; i++)
            await connection.GetDatabase().ScriptEvaluateAsync(script, [$"k{i % Clients}"], [1]);
        return (StoreTime - store) / Increments;
    }

    private async Task<TimeSpan> IdleAsync()
    {
        var store = StoreTime;
        for (var i = 0; i < IdleRounds; i++)
        {
            foreach (var member in _members)
                await ExchangeAsync(member, 0);
        }

        return (StoreTime - store) / (IdleRounds * Shields);
    }
}
