using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Sharing;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>Two shields over two stores, one of them with two partitions: each client has one place, and a store that is away takes its clients only.</summary>
[CancelAfter(60_000)]
[Property("Sharing", "SHARE-31")]
internal sealed class SeveralStoresTests
{
    private const string Stores = "redis://10.0.0.5, redis://10.0.0.6?partitions=2";
    private const int Clients = 30;

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, SwitchedStore> _stores = [];
    private readonly List<RunningShield> _shields = [];
    private FakeTimeProvider _time = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _time = new();
        _stores["10.0.0.5:6379"] = new(1, _time);
        _stores["10.0.0.6:6379"] = new(2, _time);
        for (var i = 1; i <= 2; i++)
            await StartAsync($"mx{i}");
    }

    [TearDown]
    public async Task StopAsync()
    {
        foreach (var shield in _shields)
        {
            await shield.Loop.StopAsync(CancellationToken.None);
            shield.Loop.Dispose();
        }

        _shields.Clear();
        _stores.Clear();
    }

    [Test]
    public async Task Counts_OfManyClients_AreEachInOnePlace(CancellationToken cancellationToken)
    {
        await BothHaveComeAsync(cancellationToken);
        Connect(_shields[0], 2);
        Connect(_shields[1], 1);
        await PassUntilAsync(() => _shields.TrueForAll(static shield => Counts(shield).All(static count => count == 3)), "all know all", cancellationToken);
        var places = _stores.Values.SelectMany(static store => store.Partitions).Select(static partition => partition.Count).ToList();
        Assert.That(places, Has.Count.EqualTo(3).And.All.Positive);
        Assert.That(places.Sum(), Is.EqualTo(Clients));
        Assert.That(_shields[0].Sharing.State!.Members, Is.EqualTo(2));
    }

    [Test]
    public async Task StoreAway_ClientsOfTheOther_AreStillCountedTogether(CancellationToken cancellationToken)
    {
        await BothHaveComeAsync(cancellationToken);
        _stores["10.0.0.6:6379"].IsAway = true;
        await PassUntilAsync(() => _shields.TrueForAll(static shield => Lines(shield).Any(IsAboutFailure)), "both notice", cancellationToken);
        Connect(_shields[0], 2);
        Connect(_shields[1], 1);
        await PassUntilAsync(() => KnownOf(_shields[1], "10.0.0.5:6379").All(static count => count == 3), "one store's clients are known", cancellationToken);
        Assert.That(KnownOf(_shields[1], "10.0.0.6:6379"), Has.All.EqualTo(1), "the other's count on each shield");
        Assert.That(Lines(_shields[0]).Where(IsAboutFailure), Has.One.Matches(
            "^shared counters: 10.0.0.6:6379 does not answer \\([12] of 2 partitions: gone\\): limits of its clients count on this shield only$"));
        var state = _shields[0].Sharing.State!;
        Assert.That((state.Stores[0].Failure, state.Members), Is.EqualTo(((string?)null, 2)));

        _stores["10.0.0.6:6379"].IsAway = false;
        await PassUntilAsync(() => _shields.TrueForAll(static shield => Counts(shield).All(static count => count == 3)), "all know all", cancellationToken);
        await PassUntilAsync(() => Lines(_shields[0]).Any(static line => line.StartsWith("shared counters: 10.0.0.6:6379 answers again after ",
            StringComparison.Ordinal)), "it is said", cancellationToken);
    }

    [Test]
    public async Task Shield_WithAnotherList_IsNamedByTheOther(CancellationToken cancellationToken)
    {
        await BothHaveComeAsync(cancellationToken);
        await StartAsync("mx3", "redis://10.0.0.5");
        const string Warning = "shared counters: mx3 has shield_shared_store = one store, which must be the same on all shields";
        await PassUntilAsync(() => Lines(_shields[0]).Contains(Warning), "it is said", cancellationToken);
    }

    [Test]
    public async Task Start_OfBoth_IsLoggedOnceAStore(CancellationToken cancellationToken)
    {
        await BothHaveComeAsync(cancellationToken);
        foreach (var shield in _shields)
        {
            var lines = Lines(shield);
            Assert.That(lines.Count(static line => line.StartsWith("shared counters: joined 10.0.0.5:6379 as mx", StringComparison.Ordinal)), Is.EqualTo(1));
            Assert.That(lines.Count(static line => line.StartsWith("shared counters: joined 10.0.0.6:6379 as mx", StringComparison.Ordinal)), Is.EqualTo(1));
            Assert.That(lines, Has.Count.LessThanOrEqualTo(3), "and at most that the other one has come");
        }
    }

    private static bool IsAboutFailure(string line) => line.Contains(" does not answer (", StringComparison.Ordinal);

    private static List<string> Lines(RunningShield shield) => [.. shield.Log.GetSnapshot().Select(static line => line.Message)];

    private static AnvilKey KeyOf(int client) => TestFarm.KeyOf($"192.0.2.{client}");

    private static IEnumerable<int> Counts(RunningShield shield) =>
        Enumerable.Range(1, Clients).Select(client => shield.Table.Peek(KeyOf(client)).ConnectionCount);

    private static void Connect(RunningShield shield, int times)
    {
        for (var client = 1; client <= Clients; client++)
        {
            for (var i = 0; i < times; i++)
                shield.Table.Connect(KeyOf(client));
        }
    }

    // What a shield counts of the clients of a store.
    private static List<int> KnownOf(RunningShield shield, string store)
    {
        Assert.That(SharedStoreList.TryRead(Stores, out var stores), Is.Null);
        var map = new StoreMap(stores);
        return
        [
            .. Enumerable.Range(1, Clients).Where(client => map.Stores[map.Partitions[map.PartitionOf(KeyOf(client).Client)].Store].Identity == store)
                .Select(client => shield.Table.Peek(KeyOf(client)).ConnectionCount),
        ];
    }

    private async Task StartAsync(string name, string stores = Stores)
    {
        var snapshot = new ShieldSnapshot(new()
        {
            Limits = new() { ClientConnectionCountLimit = 5 },
            Sharing = new() { Store = stores, Name = name },
        });
        var table = TestAnvil.Table(snapshot, _time);
        var log = new FakeLogCollector();
        var sharing = new CounterSharing(table, snapshot, new(), _time, new Logger<CounterSharing>(new LoggerFactory([new FakeLoggerProvider(log)])));
        var loop = new StoreSharing([sharing], snapshot, (address, _) => _stores[$"{address}"]);
        _shields.Add(new(table, sharing, loop, log));
        await loop.StartAsync(CancellationToken.None);
    }

    private Task BothHaveComeAsync(CancellationToken cancellationToken) => PassUntilAsync(
        () => _shields.TrueForAll(static shield => shield.Sharing.State is { Members: 2 } state && state.Stores.All(static store => store.HasJoined)),
        "both have come", cancellationToken);

    // The loops are on other threads: time goes on while all of them wait for it, three of each shield that has both stores.
    private Task PassUntilAsync(Func<bool> condition, string what, CancellationToken cancellationToken) => Eventually.HoldsAsync(
        () =>
        {
            if (condition())
                return true;

            if (_time.ActiveTimers >= _shields.Sum(static shield => shield.Sharing.State?.Exchanges.Count ?? 0))
                _time.Advance(s_interval);
            return false;
        },
        s_limit, what, cancellationToken);

    private sealed record RunningShield(AnvilTable Table, CounterSharing Sharing, StoreSharing Loop, FakeLogCollector Log);

    // One that can be away. It outlives the shields that use it.
    private sealed class SwitchedStore(int partitions, FakeTimeProvider time) : ISharedStore
    {
        public IReadOnlyList<InMemorySharedStore> Partitions { get; } = [.. Enumerable.Range(0, partitions).Select(_ => new InMemorySharedStore(time))];

        public bool IsAway { get; set; }

        public IStorePartition Partition(int number) => new Part(this, Partitions[number]);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private sealed class Part(SwitchedStore owner, InMemorySharedStore store) : IStorePartition
        {
            public Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call) =>
                owner.IsAway ? Task.FromException<ExchangeAnswer?>(new SharedStoreException("gone")) : store.ExchangeAsync(call);

            public Task<EntryAnswer> TellAsync(EntryCall call) =>
                owner.IsAway ? Task.FromException<EntryAnswer>(new SharedStoreException("gone")) : store.TellAsync(call);
        }
    }
}
