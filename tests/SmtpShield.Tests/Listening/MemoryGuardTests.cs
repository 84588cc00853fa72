using SmtpShield.Configuration;
using SmtpShield.Listening;

namespace SmtpShield.Tests.Listening;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class MemoryGuardTests : IDisposable
{
    private const long Mebibyte = 1 << 20;

    private readonly SteppedTime _time = new();
    private readonly ListLogger<MemoryGuard> _logger = new();
    private readonly SessionCapacity _capacity = TestCapacity.Of(new ShieldSnapshot(new()), connections: 100);
    private readonly ConnectionRoom _room;
    private readonly MemoryGuard _guard;
    private int _collections;

    public MemoryGuardTests()
    {
        _room = new(_capacity);
        _guard = new(_room, new(int.MaxValue, 0, 100 * Mebibyte), _time, _logger);
    }

    public void Dispose()
    {
        _guard.Dispose();
        _capacity.Dispose();
    }

    [TestCase(79, 79, false, 0)]
    [TestCase(80, 80, true, 1)]
    [TestCase(99, 80, true, 1)]
    [TestCase(99, 79, false, 1)]
    [TestCase(99, 10, false, 1)]
    public void Look_HeapNearItsLimit_StopsAcceptingWhenACollectionDoesNotHelp(int inUse, int collected, bool stops, int collections)
    {
        Look(inUse, collected);

        Assert.That((_room.IsPaused, _room.WaitForRoomAsync(default).IsCompleted, _collections), Is.EqualTo((stops, !stops, collections)));
    }

    [TestCase(80, true)]
    [TestCase(79, true)]
    [TestCase(70, true)]
    [TestCase(69, false)]
    public void Look_Stopped_AcceptsAgainBelow70Percent(int collected, bool isPaused)
    {
        Look(90, 90);
        _time.Step(TimeSpan.FromSeconds(2));

        Look(90, collected);

        Assert.That(_room.IsPaused, Is.EqualTo(isPaused));
    }

    [Test, CancelAfter(10_000)]
    public async Task Look_MemoryIsFreeAgain_WakesListeners(CancellationToken cancellationToken)
    {
        Look(90, 90);
        var waiting = _room.WaitForRoomAsync(cancellationToken);

        Look(50, 50);

        await waiting.WaitAsync(cancellationToken);
    }

    [Test]
    public void Look_AgainAndAgain_CollectsOnceInTwoSecondsAndSaysItOnce()
    {
        for (var i = 0; i < 8; i++)
        {
            Look(90, 85);
            _time.Step(TimeSpan.FromMilliseconds(250));
        }

        Assert.That(_collections, Is.EqualTo(1));
        _time.Step(TimeSpan.FromMilliseconds(250));
        Look(90, 60);
        Look(50, 50);
        Assert.That(_logger.Lines, Is.EqualTo(new[]
        {
            "Warning: memory is short: 85 of 100 MiB are in use; no client is accepted until there is room (DOTNET_GCHeapHardLimit, or 75 % of a container's limit and of systemd MemoryMax=)",
            "Information: memory is no longer short: 60 of 100 MiB are in use; clients are accepted again",
        }));
    }

    [Test, CancelAfter(10_000)]
    public async Task Look_Stopped_LeavesConnectionsAlone(CancellationToken cancellationToken)
    {
        var place = await _room.TakeAsync(cancellationToken);
        Look(90, 90);

        place.Dispose();

        Assert.That(_room.WaitForRoomAsync(cancellationToken).IsCompleted, Is.False);
    }

    private void Look(int inUse, int collected) => _guard.Look(inUse * Mebibyte, () =>
    {
        _collections++;
        return collected * Mebibyte;
    });
}
