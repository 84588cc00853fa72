using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

internal sealed class AnvilTableTests
{
    private static readonly AnvilKey _client = KeyOf("smtp", "192.0.2.7");

    private FakeTimeProvider _time = null!;
    private ShieldSnapshot _snapshot = null!;
    private AnvilTable _table = null!;

    [SetUp]
    public void Create()
    {
        _time = new FakeTimeProvider();
        _snapshot = new ShieldSnapshot(new ShieldOptions());
        _table = TestAnvil.Table(_snapshot, _time);
    }

    [Test]
    public void Connect_Events_AreCountedThemselvesIncluded() =>
        Assert.That(new[] { _table.Connect(_client), _table.Connect(_client), _table.Connect(_client) },
            Is.EqualTo(new AnvilCounts[] { new(1, 1), new(2, 2), new(3, 3) }));

    [Test]
    public void Connect_AfterDisconnect_CountFallsAndRateDoesNot()
    {
        _table.Connect(_client);
        _table.Disconnect(_client);

        Assert.That(_table.Connect(_client), Is.EqualTo(new AnvilCounts(1, 2)));
    }

    [Test]
    public void Connect_OtherServiceOrClient_IsCountedApart()
    {
        _table.Connect(_client);

        Assert.That(
            new[] { _table.Connect(KeyOf("submission", "192.0.2.7")), _table.Connect(KeyOf("smtp", "192.0.2.8")), _table.Connect(KeyOf("smtp", "::c000:207")) },
            Is.All.EqualTo(new AnvilCounts(1, 1)));
    }

    [TestCase(0, 2)]
    [TestCase(59.999, 2)]
    [TestCase(60, 2, Description = "now is not greater than start + unit")]
    [TestCase(60.999, 2, Description = "whole seconds")]
    [TestCase(61, 1)]
    [TestCase(1000, 1)]
    public void Connect_WindowWithAConnectionOpen_LastsOneSecondMoreThanTheUnit(double seconds, int rate)
    {
        _table.Connect(_client);
        Advance(seconds);

        Assert.That(_table.Connect(_client), Is.EqualTo(new AnvilCounts(2, rate)));
    }

    [TestCase(0.4, 60.5, 2)]
    [TestCase(0.4, 60.6, 1)]
    [TestCase(0.999, 60.001, 1)]
    public void Connect_WindowThatStartedWithinASecond_CountsTheWallClocksSeconds(double start, double later, int rate)
    {
        Advance(start);
        _table.Connect(_client);
        Advance(later);

        Assert.That(_table.Connect(_client).ConnectionRate, Is.EqualTo(rate));
    }

    [Test]
    public void Connect_TableMadeWithinASecond_CountsTheWallClocksSeconds()
    {
        Advance(0.7);
        _table = TestAnvil.Table(_snapshot, _time);
        _table.Connect(_client);
        Advance(60.2);
        var before = _table.Connect(_client);
        Advance(0.1);

        Assert.That((before.ConnectionRate, _table.Connect(_client).ConnectionRate), Is.EqualTo((2, 1)));
    }

    [Test]
    public void Connect_Hammering_DoesNotExtendTheWindow()
    {
        for (var second = 0; second <= 60; second++)
        {
            Assert.That(_table.Connect(_client).ConnectionRate, Is.EqualTo(second + 1));
            _table.Disconnect(_client);
            Advance(1);
        }

        Assert.That(_table.Connect(_client).ConnectionRate, Is.EqualTo(1));
    }

    [Test]
    public void Connect_AroundAWindowsEnd_IsAFixedWindowOpenedByTheFirstEvent()
    {
        _table.Connect(_client);
        Advance(60);
        var late = _table.Connect(_client);
        Advance(1);
        var first = _table.Connect(_client);
        Advance(60);

        Assert.That((late.ConnectionRate, first.ConnectionRate, _table.Connect(_client).ConnectionRate), Is.EqualTo((2, 1, 2)));
    }

    [TestCase(59, 2)]
    [TestCase(59.999, 2)]
    [TestCase(60, 1, Description = "anvil's timer fires as soon as unit seconds have passed; its window alone would last one more")]
    [TestCase(61, 1)]
    public void Connect_AfterTheLastDisconnect_RecordLivesForTheUnit(double seconds, int rate)
    {
        _table.Connect(_client);
        _table.Disconnect(_client);
        Advance(seconds);

        Assert.That(_table.Connect(_client), Is.EqualTo(new AnvilCounts(1, rate)));
    }

    [Test]
    public void Connect_BeforeTheRecordExpires_KeepsItAlive()
    {
        ConnectAndLeave();
        Advance(50);
        ConnectAndLeave();
        Advance(10);

        Assert.That(_table.Connect(_client).ConnectionRate, Is.EqualTo(3));
    }

    [Test]
    public void RemoveExpired_RecordWithAnOpenConnection_Stays()
    {
        _table.Connect(_client);
        Advance(10_000);

        _table.RemoveExpired();

        Assert.That((_table.Size, _table.Peek(_client).ConnectionCount), Is.EqualTo((1, 1)));
    }

    [TestCase(59, 1)]
    [TestCase(60, 0)]
    public void RemoveExpired_AfterTheLastDisconnect_RemovesWhenTheUnitIsOver(int seconds, int size)
    {
        ConnectAndLeave();
        Advance(seconds);

        _table.RemoveExpired();

        Assert.That(_table.Size, Is.EqualTo(size));
    }

    [Test]
    public void RemoveExpired_ManyClients_RemovesEachThatLeft()
    {
        for (var i = 0; i < 1000; i++)
        {
            var key = KeyOf("smtp", $"10.0.{i / 250}.{i % 250}");
            _table.Connect(key);
            if (i % 2 == 0)
                _table.Disconnect(key);
        }

        Advance(61);
        _table.RemoveExpired();

        Assert.That(_table.Size, Is.EqualTo(500));
    }

    [Test]
    public void Disconnect_WithoutConnect_NeverBelowZero()
    {
        _table.Disconnect(_client);
        _table.Connect(_client);
        _table.Disconnect(_client);
        _table.Disconnect(_client);

        Assert.That((_table.Peek(_client), _table.Connect(_client)), Is.EqualTo((new AnvilCounts(0, 1), new AnvilCounts(1, 2))));
    }

    [Test]
    public void Disconnect_WithoutConnect_DoesNotProlongTheRecord()
    {
        ConnectAndLeave();
        Advance(59);
        _table.Disconnect(_client);
        Advance(1);

        Assert.That(_table.Connect(_client).ConnectionRate, Is.EqualTo(1));
    }

    [Test]
    public void Peek_AnyClient_CountsNothing()
    {
        _table.Connect(_client);

        Assert.That((_table.Peek(_client), _table.Peek(_client), _table.Peek(KeyOf("smtp", "192.0.2.9")), _table.Size),
            Is.EqualTo((new AnvilCounts(1, 1), new AnvilCounts(1, 1), default(AnvilCounts), 1)));
    }

    [TestCase(60, 1)]
    [TestCase(61, 0)]
    public void Peek_WindowThatIsOver_RateIsZero(int seconds, int rate)
    {
        _table.Connect(_client);
        Advance(seconds);

        Assert.That(_table.Peek(_client), Is.EqualTo(new AnvilCounts(1, rate)));
    }

    [Test]
    public void Connect_UnitChangedByAReload_IsTheNewOne()
    {
        _table.Connect(_client);
        _snapshot.Replace(new() { Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(5) } });
        Advance(6);

        Assert.That(_table.Connect(_client).ConnectionRate, Is.EqualTo(1));
    }

    [Test]
    public void Connect_ReloadedToASlidingWindow_GoesOnCounting()
    {
        _table.Connect(_client);
        _snapshot.Replace(new() { Anvil = new() { RateWindow = RateWindow.Sliding } });
        var sliding = _table.Connect(_client);
        _snapshot.Replace(new());

        Assert.That((sliding.ConnectionRate, _table.Connect(_client).ConnectionRate), Is.EqualTo((2, 3)));
    }

    [TestCaseSource(nameof(Kinds))]
    public void Count_Events_AreCountedThemselvesIncludedAndByKind(AnvilEvent kind)
    {
        _table.Connect(_client);
        var counts = new[] { _table.Count(_client, kind), _table.Count(_client, kind) };

        Assert.That(counts, Is.EqualTo(new[] { 1, 2 }));
        Assert.That(_table.Peek(_client), Is.EqualTo(With(new(1, 1), kind, 2)));
        Assert.That(_table.Connect(_client), Is.EqualTo(With(new(2, 2), kind, 2)));
    }

    [TestCaseSource(nameof(Kinds))]
    public void Count_WithoutARecord_IsAConnectionFirst(AnvilEvent kind)
    {
        Assert.That((_table.Count(_client, kind), _table.Peek(_client)), Is.EqualTo((1, With(new(1, 1), kind, 1))));
        _table.Disconnect(_client);
        Assert.That(_table.Peek(_client).ConnectionCount, Is.Zero);
    }

    [Test]
    public void Count_RecordThatHasExpired_IsAConnectionFirst()
    {
        ConnectAndLeave();
        Advance(60);

        Assert.That((_table.Count(_client, AnvilEvent.Auth), _table.Peek(_client)), Is.EqualTo((1, TestAnvil.Counts(1, 1, auths: 1))));
    }

    [Test]
    public void Count_IdleRecord_CountsNoConnection()
    {
        ConnectAndLeave();
        _table.Count(_client, AnvilEvent.Message);

        Assert.That(_table.Peek(_client), Is.EqualTo(TestAnvil.Counts(0, 1, messages: 1)));
    }

    [TestCaseSource(nameof(Kinds))]
    public void Count_EventThatRollsTheWindow_ZeroesEveryRate(AnvilEvent kind)
    {
        _table.Connect(_client);
        foreach (var other in Kinds)
            _table.Count(_client, other);
        Advance(60);
        var before = _table.Peek(_client);
        Advance(1);

        Assert.That((before, _table.Count(_client, kind), _table.Peek(_client)),
            Is.EqualTo((TestAnvil.Counts(1, 1, 1, 1, 1, 1, 1, 1), 1, With(new AnvilCounts(1, 0), kind, 1))));
    }

    [Test]
    public void Connect_ThatRollsTheWindow_ZeroesEveryRate()
    {
        _table.Connect(_client);
        foreach (var kind in Kinds)
            _table.Count(_client, kind);
        Advance(61);

        Assert.That(_table.Connect(_client), Is.EqualTo(new AnvilCounts(2, 1)));
    }

    [Test]
    public void Count_RatesOfAClient_ShareTheStartOfTheFirst()
    {
        _table.Connect(_client);
        Advance(40);
        _table.Count(_client, AnvilEvent.Message);
        Advance(21);

        Assert.That(_table.Count(_client, AnvilEvent.Message), Is.EqualTo(1));
    }

    [TestCase(60, 3)]
    [TestCase(61, 0)]
    public void Peek_NewTlsSessions_AreZeroWhenStale(int seconds, int expected)
    {
        _table.Connect(_client);
        for (var i = 0; i < 3; i++)
            _table.Count(_client, AnvilEvent.NewTlsSession);
        Advance(seconds);

        Assert.That(_table.Peek(_client).Of(AnvilEvent.NewTlsSession), Is.EqualTo(expected));
    }

    [Test]
    public void Count_OtherServiceOrRange_IsCountedApart()
    {
        var keys = new AnvilKey[]
        {
            _client, KeyOf("submission", "192.0.2.7"), new("smtp", ClientRange.Of(IPAddress.Parse("192.0.2.7"), 31, 128)), KeyOf("smtp", "::c000:207"),
            KeyOf("smtp", "2001:db8::c000:207"), new("smtp", ClientRange.Of(IPAddress.Parse("0.0.0.0"), 0, 0)),
            new("smtp", ClientRange.Of(IPAddress.Parse("::"), 0, 0)),
        };

        Assert.That(keys.Select(key => _table.Count(key, AnvilEvent.Message)), Is.All.EqualTo(1));
        Assert.That((_table.Size, keys.Select(key => _table.Count(key, AnvilEvent.Message)).Distinct().Single()), Is.EqualTo((keys.Length, 2)));
    }

    [TestCase(1)]
    [TestCase(-1)]
    public void Connect_WallClockSteppedByADay_ChangesNothing(int days)
    {
        var clock = new WallClock(_time);
        _table = TestAnvil.Table(_snapshot, clock);
        _table.Connect(_client);
        clock.Step = TimeSpan.FromDays(days);
        Advance(60);
        var within = _table.Connect(_client);
        _table.RemoveExpired();
        clock.Step = -clock.Step;
        Advance(1);
        var next = _table.Connect(_client);

        Assert.That((within, next), Is.EqualTo((new AnvilCounts(2, 2), new AnvilCounts(3, 1))));
    }

    [Test, CancelAfter(60_000)]
    public void ConnectAndDisconnect_FromManyThreads_EndAtZeroWithEveryEventCounted()
    {
        var keys = Enumerable.Range(0, 8).Select(i => KeyOf("smtp", $"192.0.2.{i}")).ToArray();
        Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 16 }, thread =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                _table.Connect(keys[(i + thread) % keys.Length]);
                if (i % 100 == 0)
                    _table.RemoveExpired();
                _table.Disconnect(keys[(i + thread) % keys.Length]);
            }
        });

        Assert.That(keys.Select(key => _table.Peek(key)), Is.All.EqualTo(new AnvilCounts(0, 20_000)));
    }

    [Test]
    public void ConnectAndDisconnect_OfAKnownClient_AllocateNothing()
    {
        for (var i = 0; i < 1000; i++)
            ConnectAndLeave();
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var i = 0; i < 1000; i++)
            ConnectAndLeave();

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void Count_OfAKnownClient_AllocatesNothing()
    {
        _table.Connect(_client);
        for (var i = 0; i < 1000; i++)
            _table.Count(_client, AnvilEvent.Message);
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var i = 0; i < 1000; i++)
            _table.Count(_client, AnvilEvent.Message);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static AnvilEvent[] Kinds => Enum.GetValues<AnvilEvent>();

    private static AnvilCounts With(AnvilCounts counts, AnvilEvent kind, int value)
    {
        var rates = counts.Rates;
        rates[AnvilEventCounts.IndexOf(kind)] = value;
        return counts with { Rates = rates };
    }

    private static AnvilKey KeyOf(string service, string address) => new(service, ClientRange.Of(IPAddress.Parse(address), 32, 128));

    private void ConnectAndLeave()
    {
        _table.Connect(_client);
        _table.Disconnect(_client);
    }

    private void Advance(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
