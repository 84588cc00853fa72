using System.Runtime.CompilerServices;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

/// <summary><c>shield_client_table_size</c>: how large the table gets, and whom it forgets.</summary>
[NonParallelizable]
public class AnvilTableSizeTests
{
    private const int Small = 1000;

    private FakeTimeProvider _time = null!;
    private ShieldSnapshot _snapshot = null!;
    private AnvilTable _table = null!;

    [SetUp]
    public void Create() => Create(Small);

    [Test]
    public void Entry_Size_Is112Octets() => Assert.That(Unsafe.SizeOf<AnvilEntry>(), Is.EqualTo(112));

    [Test]
    public void Table_OfAMillionClients_Needs116OctetsForEach()
    {
        var size = 0;
        // The middle of three: what tests before have left in pools goes at times of its own.
        var octets = Enumerable.Range(0, 3).Select(_ =>
        {
            Create(1_000_000);
            Flood(0, 1_100_000);
            size = _table.Size;
            var with = GC.GetTotalMemory(forceFullCollection: true);
            Create(Small);
            return (with - GC.GetTotalMemory(forceFullCollection: true)) / (double)size;
        }).Order().ElementAt(1);

        TestContext.Out.WriteLine($"{octets:F2} octets for each of {size} entries");
        Assert.That(size, Is.EqualTo(1_000_000));
        Assert.That(octets, Is.InRange(112, 116));
    }

    [Test]
    public void Connect_FloodOfTwoMillionClients_LeavesTheTableBoundedAndActiveClientsCounted()
    {
        Create(100_000);
        _snapshot.Replace(_snapshot.Current with { Limits = new() { ClientMessageRateLimit = 5 } });
        const int active = 1000;
        var offender = TestAnvil.Key("192.0.2.66");
        for (var i = 0; i < active; i++)
            _table.Connect(TestAnvil.Key(-1 - i));
        _table.Connect(offender);
        for (var i = 0; i < 6; i++)
            _table.Count(offender, AnvilEvent.Message);
        _table.Disconnect(offender);

        var largest = 0;
        for (var round = 0; round < 20; round++)
        {
            Flood(round * 100_000, 100_000);
            for (var i = 0; i < active; i++)
                _table.Count(TestAnvil.Key(-1 - i), AnvilEvent.Message);
            largest = Math.Max(largest, _table.Size);
        }

        Assert.That((largest, _table.Refused), Is.EqualTo((100_000 / 24 * 24, 0)));
        Assert.That(_table.Evicted, Is.EqualTo(2_000_000 + active + 1 - _table.Size));
        Assert.That(Enumerable.Range(0, active).Select(i => _table.Peek(TestAnvil.Key(-1 - i))), Is.All.EqualTo(TestAnvil.Counts(1, 1, messages: 20)));
        Assert.That(_table.Peek(offender), Is.EqualTo(TestAnvil.Counts(0, 1, messages: 6)));
    }

    [Test]
    public void Connect_TableFullOfIdleClients_ForgetsTheOneThatLeftFirst()
    {
        Flood(0, Small);
        Visit(0);
        _table.Connect(TestAnvil.Key(Small));

        Assert.That((_table.Size, _table.Evicted, _table.Expired, _table.Refused), Is.EqualTo((Small, 1, 0, 0)));
        Assert.That(
            new[] { 0, 1, 2, Small }.Select(i => _table.Peek(TestAnvil.Key(i)).ConnectionRate), Is.EqualTo(new[] { 2, 0, 1, 1 }));
    }

    [Test]
    public void Connect_TableFullWithExpiredClients_RemovesThemFirst()
    {
        Flood(0, 10);
        Advance(30);
        Flood(10, Small - 10);
        Advance(30);
        _table.Connect(TestAnvil.Key(Small));

        Assert.That((_table.Evicted, _table.Expired, _table.Peek(TestAnvil.Key(10)).ConnectionRate), Is.EqualTo((0, 2, 1)));
    }

    [Test]
    public void Connect_ClientThatIsBackBeforeItIsForgotten_KeepsItsRecordWhileConnected()
    {
        Flood(0, Small);
        _table.Connect(TestAnvil.Key(0));
        Flood(Small, 2 * Small);

        Assert.That(_table.Peek(TestAnvil.Key(0)), Is.EqualTo(new AnvilCounts(1, 2)));
    }

    [Test]
    public void Connect_TableFullOfConnectedClients_DoesNotTrackOthers()
    {
        for (var i = 0; i < Small; i++)
            _table.Connect(TestAnvil.Key(i));

        var newcomer = TestAnvil.Key(Small);
        var twice = new[] { _table.Connect(newcomer), _table.Connect(newcomer) };

        Assert.That(twice, Is.All.EqualTo(new AnvilCounts(1, 1) { IsUntracked = true }));
        Assert.That((_table.Count(newcomer, AnvilEvent.Message), _table.Count(newcomer, AnvilEvent.Message)), Is.EqualTo((1, 1)));
        Assert.That((_table.Size, _table.Refused, _table.Peek(newcomer)), Is.EqualTo((Small, 4, default(AnvilCounts))));
        Assert.That(_table.Connect(TestAnvil.Key(0)), Is.EqualTo(new AnvilCounts(2, 2)), "who has a record is still counted");
    }

    [Test]
    public void Connect_RoomAgain_TracksNewClients()
    {
        for (var i = 0; i <= Small; i++)
            _table.Connect(TestAnvil.Key(i));
        _table.Disconnect(TestAnvil.Key(7));

        Assert.That((_table.Connect(TestAnvil.Key(Small)), _table.Peek(TestAnvil.Key(7))), Is.EqualTo((new AnvilCounts(1, 1), default(AnvilCounts))));
    }

    [Test]
    public void Connect_OldestClientsOverALimit_ForgetsTheOldestThatIsNot()
    {
        _snapshot.Replace(_snapshot.Current with { Limits = new() { ClientConnectionRateLimit = 1 } });
        Flood(0, 10);
        Flood(0, 10);
        Flood(10, Small - 10);

        Flood(Small, 10 * Small);

        Assert.That(Enumerable.Range(0, 10).Select(i => _table.Peek(TestAnvil.Key(i)).ConnectionRate), Is.All.EqualTo(2));
        Assert.That((_table.Size, _table.Refused), Is.EqualTo((Small, 0)));
    }

    [Test]
    public void Connect_MoreOffendersThanOneEventMoves_FindsRoomAFewEventsLater()
    {
        _snapshot.Replace(_snapshot.Current with { Limits = new() { ClientConnectionRateLimit = 1 } });
        Flood(0, 100);
        Flood(0, 100);
        Flood(100, Small - 100);

        Flood(Small, 20);

        Assert.That((_table.Refused, _table.Evicted), Is.EqualTo((3, 17)), "two tries of 16 for each of the first three");
        Assert.That(_table.Peek(TestAnvil.Key(99)).ConnectionRate, Is.EqualTo(2));
    }

    [Test]
    public void Connect_TableFullOfOffenders_TracksNewClientsWhenTheirWindowsAreOver()
    {
        _snapshot.Replace(_snapshot.Current with { Limits = new() { ClientConnectionRateLimit = 1 } });
        for (var i = 0; i < Small; i++)
        {
            Visit(i);
            Visit(i);
        }

        for (var i = 0; i < 2 * Small; i++)
            Visit(Small + i);
        var refused = _table.Refused;
        Advance(60);
        Visit(Small);

        Assert.That((refused, _table.Refused - refused, _table.Expired, _table.Peek(TestAnvil.Key(Small)).ConnectionRate), Is.EqualTo((2 * Small, 0, 2, 1)));
    }

    [TestCase(60, 1)]
    [TestCase(61, 0)]
    public void Connect_TableFullOfOffenders_ForgetsThoseWhoseWindowsAreOver(int seconds, int refused)
    {
        _snapshot.Replace(_snapshot.Current with { Limits = new() { ClientConnectionRateLimit = 1 } });
        for (var i = 0; i < 2 * Small; i++)
            _table.Connect(TestAnvil.Key(i % Small));
        Advance(50);
        for (var i = 0; i < 2 * Small; i++)
            _table.Disconnect(TestAnvil.Key(i % Small));
        Advance(seconds - 50);

        Visit(Small);

        Assert.That((_table.Refused, _table.Evicted), Is.EqualTo((refused, 1 - refused)));
    }

    [Test]
    public void Connect_LimitRaisedAgain_ForgetsThoseThatWereOverIt()
    {
        _snapshot.Replace(_snapshot.Current with { Limits = new() { ClientConnectionRateLimit = 1 } });
        Flood(0, Small);
        Flood(0, Small);
        for (var i = 0; i < Small; i++)
            _table.Connect(TestAnvil.Key(Small));
        _snapshot.Replace(_snapshot.Current with { Limits = new() });

        Flood(2 * Small, Small);

        Assert.That((_table.Size, _table.Evicted), Is.EqualTo((Small, Small)));
    }

    [Test]
    public void Connect_SizeRaisedByAReload_TakesMoreClients()
    {
        Flood(0, 2 * Small);
        SetSize(5 * Small);
        Flood(2 * Small, 10 * Small);

        Assert.That((_table.Size, Peeked(7 * Small, 5 * Small)), Is.EqualTo((5 * Small, 5 * Small)));
    }

    [Test]
    public void Connect_SizeLoweredByAReload_ShrinksWithEachNewClient()
    {
        Create(3 * Small);
        Flood(0, 3 * Small);
        SetSize(Small);
        Flood(3 * Small, 100);
        var soon = _table.Size;
        Flood(3 * Small + 100, 3 * Small);

        Assert.That((soon, _table.Size, Peeked(5 * Small + 100, Small), _table.Refused), Is.EqualTo((3 * Small - 100, Small, Small, 0)));
    }

    [Test]
    public void RemoveExpired_BehindAFlood_GivesMemoryBack()
    {
        Create(100_000);
        Flood(0, 100);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        Flood(0, 100_000);
        Advance(61);
        _table.RemoveExpired();

        Assert.That((_table.Size, GC.GetTotalMemory(forceFullCollection: true) - before < 1_000_000), Is.EqualTo((0, true)));
        Flood(0, 100_000);
        Assert.That(Peeked(0, 90_000) + Peeked(90_000, 10_000), Is.EqualTo(_table.Size));
    }

    [Test]
    public void RemoveExpired_ClientsThatComeAndGo_LeavesTheOthersFindable()
    {
        var random = new Random(1);
        var model = new Dictionary<int, (int Open, int LeftAt)>();
        for (var second = 0; second < 600; second++)
        {
            for (var i = 0; i < 20; i++)
            {
                var number = random.Next(700);
                if (model.TryGetValue(number, out var state) && state.Open > 0 && random.Next(3) > 0)
                {
                    _table.Disconnect(TestAnvil.Key(number));
                    model[number] = (state.Open - 1, second);
                }
                else
                {
                    _table.Connect(TestAnvil.Key(number));
                    model[number] = (state.Open + 1, second);
                }
            }

            Advance(1);
            _table.RemoveExpired();
            foreach (var (number, state) in model)
            {
                if (state.Open == 0 && second + 1 >= state.LeftAt + 60)
                    model.Remove(number);
            }

            Assert.That(_table.Size, Is.EqualTo(model.Count));
        }

        Assert.That(model.Where(entry => _table.Peek(TestAnvil.Key(entry.Key)).ConnectionCount != entry.Value.Open), Is.Empty);
    }

    [Test, CancelAfter(60_000)]
    public void ConnectAndDisconnect_EightThreadsOnAFullTable_EndAtZero()
    {
        Create(20_000);
        var clients = Enumerable.Range(0, 64).Select(i => TestAnvil.Key(-1 - i)).ToArray();
        foreach (var client in clients)
            _table.Connect(client);
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, thread =>
        {
            for (var i = 0; i < 19_200; i++)
            {
                var client = clients[(i + thread) % clients.Length];
                _table.Connect(client);
                Visit(thread * 19_200 + i);
                _table.Count(client, AnvilEvent.Recipient);
                if (i % 1000 == 0)
                    _table.RemoveExpired();
                _table.Disconnect(client);
            }
        });

        Assert.That(clients.Select(client => _table.Peek(client)), Is.All.EqualTo(TestAnvil.Counts(1, 2401, recipients: 2400)));
        foreach (var client in clients)
            _table.Disconnect(client);
        Assert.That((clients.Sum(client => _table.Peek(client).ConnectionCount), _table.Refused, _table.Size + _table.Evicted), Is.EqualTo((0, 0, 153_664)));
        Advance(60);
        _table.RemoveExpired();
        Assert.That(_table.Size, Is.Zero, "nobody is left connected");
    }

    private void Create(int size)
    {
        _time = new FakeTimeProvider();
        _snapshot = new ShieldSnapshot(new());
        SetSize(size);
        _table = TestAnvil.Table(_snapshot, _time);
    }

    private void SetSize(int size) => _snapshot.Replace(_snapshot.Current with { Anvil = new() { ClientTableSize = size } });

    private void Flood(int first, int count)
    {
        for (var i = 0; i < count; i++)
            Visit(first + i);
    }

    private void Visit(int number)
    {
        var key = TestAnvil.Key(number);
        if (!_table.Connect(key).IsUntracked)
            _table.Disconnect(key);
    }

    private int Peeked(int first, int count) => Enumerable.Range(first, count).Count(i => _table.Peek(TestAnvil.Key(i)).ConnectionRate > 0);

    private void Advance(int seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
