using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

public class AnvilSweeperTests
{
    private const string Warning =
        "Warning: the client table is full (1000): counts of absent clients are forgotten, or new clients not limited; to avoid this condition, "
            + "raise shield_client_table_size";

    private FakeTimeProvider _time = null!;
    private FakeLogger<AnvilSweeper> _log = null!;
    private AnvilTable _table = null!;
    private AnvilSweeper _sweeper = null!;

    [SetUp]
    public void Create()
    {
        _time = new FakeTimeProvider();
        var snapshot = new ShieldSnapshot(new() { Anvil = new() { ClientTableSize = 1000 } });
        _log = new FakeLogger<AnvilSweeper>();
        _table = TestAnvil.Table(snapshot, _time);
        _sweeper = new AnvilSweeper(_table, snapshot, _time, _log);
    }

    [TearDown]
    public void Dispose() => _sweeper.Dispose();

    [Test]
    public void Sweep_TableThatGetsFull_SaysNothing()
    {
        Flood(0, 1000);
        _sweeper.Sweep();
        Advance(61);
        _sweeper.Sweep();

        Assert.That((_log.Lines, _table.Size), Is.EqualTo((Array.Empty<string>(), 0)));
    }

    [Test]
    public void Sweep_FloodOfAnyLength_WarnsOnce()
    {
        for (var second = 0; second < 200; second++)
        {
            Flood(1001 * second, 1001);
            _sweeper.Sweep();
            Advance(1);
        }

        Assert.That(_log.Lines, Is.EqualTo(new[] { Warning }));
    }

    [TestCase(60, 1)]
    [TestCase(61, 2)]
    public void Sweep_FloodBehindAPause_WarnsAgainAfterTheUnit(int pause, int warnings)
    {
        Flood(0, 2000);
        _sweeper.Sweep();
        Advance(pause);
        Flood(2000, 2000);
        _sweeper.Sweep();

        Assert.That(_log.Lines, Is.EqualTo(Enumerable.Repeat(Warning, warnings)));
    }

    [Test]
    public void Sweep_ClientsNotTracked_Warns()
    {
        for (var i = 0; i <= 1000; i++)
            _table.Connect(TestAnvil.Key(i));
        _sweeper.Sweep();

        Assert.That(_log.Lines, Is.EqualTo(new[] { Warning }));
    }

    [Test, CancelAfter(10_000)]
    public async Task Execute_EverySecond_Sweeps(CancellationToken cancellationToken)
    {
        Flood(0, 10);
        await _sweeper.StartAsync(cancellationToken);
        while (_table.Size > 0)
        {
            Advance(60);
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
        }

        await _sweeper.StopAsync(cancellationToken);
        Assert.That((_table.Expired, _time.ActiveTimers), Is.EqualTo((10, 0)));
    }

    private void Flood(int first, int count)
    {
        for (var i = 0; i < count; i++)
        {
            _table.Connect(TestAnvil.Key(first + i));
            _table.Disconnect(TestAnvil.Key(first + i));
        }
    }

    private void Advance(int seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
