using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>Which store has which clients: alike at all shields, in equal parts, and with as few moves as there can be.</summary>
[Property("Sharing", "SHARE-31")]
internal sealed class StoreMapTests
{
    private const int Clients = 30_000;
    private const string Three = "redis://10.0.0.1 redis://10.0.0.2 redis://10.0.0.3";

    private static IEnumerable<ClientRange> All => Enumerable.Range(0, Clients).Select(ClientOf);

    [Test]
    public void PartitionOf_Clients_AreSpreadInEqualParts()
    {
        var counts = CountBy(Three, static (map, client) => map.PartitionOf(client));
        // Three standard deviations of a fair choice are 2.5 % of a third.
        Assert.That(counts, Has.Count.EqualTo(3).And.All.InRange(Clients / 3 * 0.96, Clients / 3 * 1.04));
    }

    [Test]
    public void PartitionOf_ClientsOfAStoreWithPartitions_AreSpreadInEqualParts()
    {
        var counts = CountBy("redis://10.0.0.1?partitions=16, redis://10.0.0.2", static (map, client) => map.PartitionOf(client));
        Assert.That(counts, Has.Count.EqualTo(17));
        Assert.That(counts[..16], Has.All.InRange(Clients / 32 * 0.88, Clients / 32 * 1.12), "a sixteenth of a half");
        Assert.That(counts[16], Is.InRange(Clients / 2 * 0.96, Clients / 2 * 1.04), "the other half");
    }

    [TestCase("redis://10.0.0.3, redis://10.0.0.1\tredis://10.0.0.2", Three)]
    [TestCase("redis://B:6379+redis://a redis://c", "redis://c redis://a+redis://b")]
    public void PartitionOf_StoresInAnotherOrder_AreTheSame(string one, string other)
    {
        var (first, second) = (MapOf(one), MapOf(other));
        Assert.That(All.Select(client => StoreOf(first, client)), Is.EqualTo(All.Select(client => StoreOf(second, client))));
    }

    [Test]
    public void PartitionOf_WithOneStoreMore_MovesOnlyWhatThatOneGets()
    {
        var (before, behind) = (MapOf(Three), MapOf(Three + " redis://10.0.0.4"));
        var moved = All.Where(client => StoreOf(before, client) != StoreOf(behind, client)).ToList();
        Assert.That(moved.Select(client => StoreOf(behind, client)), Has.All.EqualTo("10.0.0.4:6379"));
        Assert.That(moved, Has.Count.InRange(Clients / 4 * 0.96, Clients / 4 * 1.04));
    }

    // Shields of two versions share: what changes these moves clients to where others do not look for them.
    [TestCase("192.0.2.1", 32, 1)]
    [TestCase("192.0.2.0", 24, 0)]
    [TestCase("198.51.100.7", 32, 2)]
    [TestCase("203.0.113.9", 32, 1)]
    [TestCase("2001:db8::", 64, 1)]
    public void PartitionOf_AClient_StaysWithEachVersion(string address, int length, int expected) =>
        Assert.That(MapOf(Three).PartitionOf(ClientRange.Of(IPAddress.Parse(address), length, length)), Is.EqualTo(expected));

    [Test]
    public void StoreOf_KeysOfEntries_AreSpreadInEqualParts()
    {
        var map = MapOf(Three);
        var counts = Enumerable.Range(0, Clients).CountBy(number => map.StoreOf($"192.0.{number / 256}.{number % 256}/32"))
            .Select(static one => one.Value).ToList();
        Assert.That(counts, Has.Count.EqualTo(3).And.All.InRange(Clients / 3 * 0.96, Clients / 3 * 1.04));
    }

    private static ClientRange ClientOf(int number) => number % 2 == 0
        ? ClientRange.Of(new IPAddress([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]), 32, 64)
        : ClientRange.Of(IPAddress.Parse($"2001:db8:{number:x}::1"), 32, 64);

    private static string StoreOf(StoreMap map, ClientRange client) => map.Stores[map.Partitions[map.PartitionOf(client)].Store].Identity;

    private static List<int> CountBy(string stores, Func<StoreMap, ClientRange, int> choose)
    {
        var map = MapOf(stores);
        return [.. All.CountBy(client => choose(map, client)).OrderBy(static one => one.Key).Select(static one => one.Value)];
    }

    private static StoreMap MapOf(string text)
    {
        Assert.That(SharedStoreList.TryRead(text, out var stores), Is.Null);
        return new(stores);
    }
}
