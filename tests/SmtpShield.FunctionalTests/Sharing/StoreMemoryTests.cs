using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Sharing;
using StackExchange.Redis;

namespace SmtpShield.FunctionalTests.Sharing;

/// <summary>What clients take of a real Redis. The figures are those of <c>docs/tasks/store-for-shared-limits.md</c>.</summary>
[CancelAfter(60_000)]
internal sealed class StoreMemoryTests
{
    private const int Clients = 1000;
    private const int Most = 250;

    // Of a key, in the table of all keys and in that of those that expire: a pointer more or two where tables are half full.
    private const int EntriesOfTables = 2 * (24 + 8);

    private static readonly SharedService[] s_services = [new("smtp", 50, default)];

    [Test]
    [Property("Sharing", "SHARE-23")]
    public async Task Memory_OfAClient_IsWhatThePageSays(CancellationToken cancellationToken)
    {
        if (!RedisInstance.IsInstalled)
            Assert.Ignore("redis-server is not installed (tests/run installs it when it runs as root)");
        await using var redis = await RedisInstance.StartAsync(cancellationToken);
        await using var store = RedisStores.Open(redis.Address, "smtpshield");
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"{redis.EndPoint},allowAdmin=true");
        for (var member = 1; member <= 2; member++)
        {
            for (var first = 0; first < Clients; first += CounterExchange.MostReports)
                await ReportAsync(store.Partition(0), $"{member}", 1 + first, first, CounterExchange.MostReports);
            var octets = EntriesOfTables + (await MemoryAsync(connection, redis.EndPoint) / (double)Clients);
            TestContext.Out.WriteLine($"reported by {member}: {octets:0} octets a client");
            Assert.That(octets, Is.LessThanOrEqualTo(Most));
        }
    }

    // That of the records, each as Redis says. What all of it has used moves by more than some clients take, for tables that grow and for buffers.
    private static async Task<long> MemoryAsync(ConnectionMultiplexer connection, EndPoint server)
    {
        var sum = 0L;
        await foreach (var key in connection.GetServer(server).KeysAsync(pattern: "*:c:*", pageSize: Clients))
            sum += (long)await connection.GetDatabase().ExecuteAsync("MEMORY", "USAGE", key);
        return sum;
    }

    private static async Task ReportAsync(IStorePartition store, string owner, long sequence, int first, int count) => await store.ExchangeAsync(new()
    {
        Owner = owner, Told = 0, Sequence = sequence, Acknowledged = 0, SteppedEpoch = "", Epoch = "", NewEpoch = $"{1:x16}", Unit = TimeSpan.FromMinutes(1),
        Lease = TimeSpan.FromMinutes(5), Expiry = TimeSpan.FromMinutes(5), Cursor = 0, Services = s_services,
        Reports = [.. Enumerable.Range(first, count).Select(static client => new ClientReport(KeyOf(client), 0, CountsOf(client)))],
    });

    // Addresses of the documentation's prefix, each in a network of its own, as most clients are.
    private static AnvilKey KeyOf(int client) => new("smtp", ClientRange.Of(IPAddress.Parse($"2001:db8:{client / 256:x}:{client % 256:x}::1"), 32, 64));

    private static SharedCounts CountsOf(int client)
    {
        var rates = default(AnvilEventCounts);
        rates[AnvilEventCounts.Connections] = 1 + (client % 5);
        rates[AnvilEventCounts.IndexOf(AnvilEvent.Message)] = 1;
        return new(1000 * (client % 60), client % 2, rates);
    }
}
