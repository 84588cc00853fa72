using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

public class AnvilStatusUpdateTests
{
    private FakeTimeProvider _time = null!;
    private ShieldSnapshot _snapshot = null!;
    private FakeLogger<AnvilStatistics> _log = null!;
    private AnvilTable _table = null!;
    private AnvilStatusUpdate _update = null!;

    [SetUp]
    public async Task Start()
    {
        _time = new FakeTimeProvider();
        _snapshot = new ShieldSnapshot(new());
        _log = new FakeLogger<AnvilStatistics>();
        var statistics = new AnvilStatistics(_snapshot, _time, _log);
        _table = TestAnvil.Table(_snapshot, _time, statistics);
        _update = new AnvilStatusUpdate(statistics, _snapshot, _time);
        await _update.StartAsync(default);
    }

    [TearDown]
    public void Dispose() => _update.Dispose();

    [Test]
    public void Log_EveryInterval_CountsFromTheStart()
    {
        Advance(500);
        _table.Connect(TestAnvil.Key(1));
        Advance(99);
        var before = _log.Lines.Count;
        Advance(1);
        var first = _log.Lines.Count;
        _table.Connect(TestAnvil.Key(2));
        Advance(599);
        var second = _log.Lines.Count;
        Advance(1);

        Assert.That((before, first, second, _log.Lines.Count), Is.EqualTo((0, 3, 3, 6)));
    }

    [Test]
    public void Reload_OtherInterval_LogsAndStartsIt()
    {
        Advance(500);
        _table.Connect(TestAnvil.Key(1));
        _snapshot.Replace(new() { Anvil = new() { StatusUpdateTime = TimeSpan.FromSeconds(30) } });
        var atReload = _log.Lines.Count;
        _table.Connect(TestAnvil.Key(2));
        Advance(29);
        var before = _log.Lines.Count;
        Advance(1);
        var first = _log.Lines.Count;
        _table.Connect(TestAnvil.Key(3));
        Advance(30);

        Assert.That((atReload, before, first, _log.Lines.Count), Is.EqualTo((3, 3, 6, 9)));
    }

    [Test]
    public void Reload_SameInterval_LeavesItRunning()
    {
        Advance(500);
        _table.Connect(TestAnvil.Key(1));
        _snapshot.Replace(new() { Limits = new() { ClientConnectionCountLimit = 1 } });
        var atReload = _log.Lines.Count;
        Advance(100);

        Assert.That((atReload, _log.Lines.Count), Is.EqualTo((0, 3)));
    }

    [Test]
    public async Task Stop_WithinAnInterval_LogsTheRestOnce()
    {
        _table.Connect(TestAnvil.Key(1));
        await _update.StopAsync(default);
        var atStop = _log.Lines.Count;
        Advance(1000);
        _snapshot.Replace(new() { Anvil = new() { StatusUpdateTime = TimeSpan.FromSeconds(30) } });

        Assert.That((atStop, _log.Lines.Count, _time.ActiveTimers), Is.EqualTo((3, 3, 0)));
    }

    private void Advance(int seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
