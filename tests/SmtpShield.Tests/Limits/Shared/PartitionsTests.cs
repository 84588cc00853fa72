using System.Net;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>One table that shares over two stores: what belongs to one of them has nothing to do with the other.</summary>
[Property("Sharing", "SHARE-31")]
internal sealed class PartitionsTests
{
    private static readonly StoreMap s_map = new([AddressOf(1), AddressOf(2)]);
    private static readonly AnvilKey s_ofFirst = ClientOf(0);
    private static readonly AnvilKey s_ofSecond = ClientOf(1);

    private readonly FakeTimeProvider _time = new();
    private AnvilTable _table = null!;
    private RecordingPartition[] _partitions = [];
    private CounterExchange[] _exchanges = [];

    [SetUp]
    public async Task ShareAsync()
    {
        // One shard: its places are used again.
        var snapshot = new ShieldSnapshot(new()
        {
            Anvil = new() { ClientTableSize = 4096 },
            Limits = new() { ClientConnectionRateLimit = 5 },
            Sharing = new() { Mode = SharingMode.Strict },
        });
        _table = TestAnvil.Table(snapshot, _time);
        _partitions = [new(), new()];
        _exchanges = [.. _table.Share(s_map).Select(shared => new CounterExchange(_table, shared, snapshot, _time))];
        await ExchangeAsync(0);
        await ExchangeAsync(1);
    }

    [Test]
    public async Task Exchange_WithEach_ReportsItsClientsOnly()
    {
        _table.Connect(s_ofFirst);
        _table.Connect(s_ofSecond);
        await ExchangeAsync(1);
        Assert.That((_partitions[0].Reported, _partitions[1].Reported), Is.EqualTo(("", $"{s_ofSecond}")));
        await ExchangeAsync(0);
        Assert.That((_partitions[0].Reported, _partitions[1].Reported), Is.EqualTo(($"{s_ofFirst}", $"{s_ofSecond}")));
    }

    [Test]
    public async Task Record_InThePlaceOfOneThatWaited_IsReportedToItsOwnStoreOnly()
    {
        var stays = ClientOf(1, but: s_ofSecond);
        _table.Connect(stays);
        _table.Connect(s_ofFirst);
        _table.Disconnect(s_ofFirst);
        _time.Advance(TimeSpan.FromMinutes(3));
        _table.RemoveExpired();
        Assert.That(_table.Size, Is.EqualTo(1));
        _table.Connect(s_ofSecond);
        await ExchangeAsync(0);
        await ExchangeAsync(1);
        Assert.That(_partitions[0].Reported, Is.Empty);
        Assert.That(_partitions[1].Reported.Split(' '), Is.EquivalentTo((string[])[$"{stays}", $"{s_ofSecond}"]));
    }

    [Test]
    public async Task Exchange_ThatFails_LetsGoThoseWhoWaitForItsStoreOnly()
    {
        _table.Connect(s_ofFirst, out var first);
        _table.Connect(s_ofSecond, out var second);
        _partitions[0].IsAway = true;
        await ExchangeAsync(0);
        Assert.That((IsOver(first!), IsOver(second!)), Is.EqualTo((true, false)));
        await ExchangeAsync(1);
        Assert.That(IsOver(second!));
        Assert.That((_table.SharedWaits.Late, _table.SharedWaits.Answered), Is.EqualTo((1, 1)));

        _table.Connect(s_ofFirst, out first);
        _table.Connect(s_ofSecond, out second);
        Assert.That((first is null, second is null), Is.EqualTo((true, false)), "who is of a store that is away waits for nothing");
    }

    [Test]
    public async Task News_OfAClientThatIsCountedElsewhere_AreNotTaken()
    {
        _partitions[0].News = [($"{s_ofFirst}", OneOpen), ($"{s_ofSecond}", OneOpen)];
        await ExchangeAsync(0);
        Assert.That((_table.Peek(s_ofFirst).ConnectionCount, _table.Peek(s_ofSecond).ConnectionCount), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task Exchange_WithOneThatWaits_ReportsItOnce()
    {
        _table.Connect(s_ofFirst, out _);
        _table.Count(s_ofFirst, AnvilEvent.Message);
        await ExchangeAsync(0);
        Assert.That((_partitions[0].Reported, _exchanges[0].Backlog), Is.EqualTo(($"{s_ofFirst}", 0)));
    }

    private static SharedCounts OneOpen => new(0, 1, AnvilEventCounts.OfConnections(1));

    private static bool IsOver(SharedWait wait) => !wait.TryWait(static () => { });

    private static SharedStoreAddress AddressOf(int host) => new([new IPEndPoint(new IPAddress([10, 0, 0, (byte)host]), 6379)], HasTls: false);

    private static AnvilKey ClientOf(int partition, AnvilKey? but = null) =>
        Enumerable.Range(1, 250).Select(static number => TestFarm.KeyOf($"192.0.2.{number}"))
            .First(key => s_map.PartitionOf(key.Client) == partition && key != but);

    private Task<ExchangeResult> ExchangeAsync(int partition) => _exchanges[partition].ExchangeAsync(_partitions[partition], leaves: false);

    // Says that others have nothing, and what it is told to.
    private sealed class RecordingPartition : IStorePartition
    {
        public bool IsAway { get; set; }

        public IReadOnlyList<(string Client, SharedCounts Counts)> News { get; set; } = [];

        /// <summary>All that was reported, separated by blanks.</summary>
        public string Reported { get; private set; } = "";

        public Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call)
        {
            if (IsAway)
                return Task.FromException<ExchangeAnswer?>(new SharedStoreException("gone"));

            Reported = string.Join(' ', call.Reports.Select(static report => $"{report.Key}").Prepend(Reported)).Trim();
            return Task.FromResult<ExchangeAnswer?>(new()
            {
                Epoch = "1", Told = 0, AsksForEverything = false, Time = 0, Deaths = 0, Members = 2, Cursor = 0, Changes = 0, MemberSettings = [],
                Counts = [.. call.Reports.Select(static report => new SharedCounts(report.Counts.Age, 0, default))],
                News = News,
            });
        }

        public Task<EntryAnswer> TellAsync(EntryCall call) => throw new NotSupportedException();
    }
}
