using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Sharing;

/// <summary>
/// Two shields, as processes, over two Redis and over a Redis Cluster: the same verdicts as over one, and what is away takes its clients only.
/// </summary>
[CancelAfter(180_000)]
[Property("Sharing", "SHARE-31")]
internal sealed class SeveralStoresTests : SharedShieldsFixture
{
    private const string Limit = "3";
    private const int Clients = 12;

    private static IEnumerable<IPAddress> All => Enumerable.Range(1, Clients).Select(static number => new IPAddress([127, 55, 1, (byte)number]));

    [Test]
    public async Task Store_OfTwoThatIsAway_TakesItsClientsOnly(CancellationToken cancellationToken)
    {
        await using var one = await RedisInstance.StartAsync(cancellationToken, [.. Users]);
        await using var other = await RedisInstance.StartAsync(cancellationToken, [.. Users]);
        // Each shield has its own order.
        await StartShieldAsync("one", $"{one.Address}, {other.Address}", CountLimit, Limit, cancellationToken);
        await StartShieldAsync("two", $"{other.Address} {one.Address}", CountLimit, Limit, cancellationToken);
        var map = MapOf($"{one.Address} {other.Address}");
        var hit = All.Where(client => map.Partitions[PartitionOf(map, client)].Store == 1).ToList();
        await TakesItsClientsOnlyAsync(other, $"{other.EndPoint}", hit, cancellationToken);
    }

    [Test]
    public async Task Node_OfAClusterThatIsAway_TakesItsClientsOnly(CancellationToken cancellationToken)
    {
        if (!OutsideProcess.IsInstalled("redis-cli"))
            Assert.Ignore("redis-cli is not installed");
        await using var cluster = await RedisCluster.StartAsync(
            3, cancellationToken, [.. Users.Where(static line => !line.StartsWith("user default ", StringComparison.Ordinal))]);
        // A node tells of the others.
        var store = $"{cluster.Nodes[0].Address}+{cluster.Nodes[1].Address}?partitions=8";
        await StartShieldAsync("one", store, CountLimit, Limit, cancellationToken);
        await StartShieldAsync("two", store, CountLimit, Limit, cancellationToken);
        var map = MapOf(store);
        var away = cluster.Nodes[2];
        List<IPAddress> hit = [];
        foreach (var client in All)
        {
            if (await cluster.NodeOfAsync(RedisStore.KeysOf("smtpshield", PartitionOf(map, client))) == away)
                hit.Add(client);
        }

        await TakesItsClientsOnlyAsync(away, $"{map.Stores[0]}", hit, cancellationToken);
    }

    private static int PartitionOf(StoreMap map, IPAddress client) => map.PartitionOf(ClientRange.Of(client, 32, 64));

    private static StoreMap MapOf(string text)
    {
        Assert.That(SharedStoreList.TryRead(text, out var stores), Is.Null);
        return new(stores);
    }

    private async Task TakesItsClientsOnlyAsync(RedisInstance away, string store, List<IPAddress> hit, CancellationToken cancellationToken)
    {
        var (one, two) = (Shields[0], Shields[1]);
        Assert.That(hit, Has.Count.InRange(1, Clients - 1), "each has some");
        foreach (var shield in Shields)
            await LogsAsync(shield, "shields: 2", cancellationToken);
        foreach (var client in All)
        {
            Assert.That(await GreetingAsync(one, cancellationToken, isHeld: true, client), Does.StartWith("220 "));
            Assert.That(await GreetingAsync(one, cancellationToken, isHeld: true, client), Does.StartWith("220 "));
            Assert.That(await GreetingAsync(two, cancellationToken, isHeld: true, client), Does.StartWith("220 "));
        }

        await AllAreRefusedAsync(All, cancellationToken);

        TestContext.Out.WriteLine($"{away.EndPoint} is killed, which has {hit.Count} of {Clients} clients.");
        await away.StopAsync();
        foreach (var shield in Shields)
            await LogsAsync(shield, $"shared counters: {store} does not answer (", cancellationToken);
        foreach (var client in hit)
        {
            await KnowsAsync(two, CountLimit, static count => count == 1, cancellationToken, client);
            Assert.That(await GreetingAsync(two, cancellationToken, client: client), Does.StartWith("220 "), $"{client} counts on each shield");
        }

        await AllAreRefusedAsync(All.Except(hit), cancellationToken);

        TestContext.Out.WriteLine("It is started empty.");
        await away.StartAgainAsync(cancellationToken);
        foreach (var shield in Shields)
            await LogsAsync(shield, $"shared counters: {store} answers again after ", cancellationToken);
        await AllAreRefusedAsync(All, cancellationToken);
    }

    // All have as many connections as they may.
    private async Task AllAreRefusedAsync(IEnumerable<IPAddress> clients, CancellationToken cancellationToken)
    {
        foreach (var client in clients)
        {
            foreach (var shield in Shields)
            {
                await KnowsAsync(shield, CountLimit, static count => count == 3, cancellationToken, client);
                Assert.That(await GreetingAsync(shield, cancellationToken, client: client), Does.StartWith("421 4.7.0 "), $"{client}");
            }
        }
    }
}
