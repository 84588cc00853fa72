using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Listening;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class MemoryGuardTests : IDisposable
{
    private const long Mebibyte = 1 << 20;

    private readonly SteppedTime _time = new();
    private readonly FakeLogger<MemoryGuard> _logger = new();
    private readonly SessionCapacity _capacity = TestCapacity.Of(new ShieldSnapshot(new()), connections: 100);
    private readonly ShedSessions _sessions = new();
    private readonly ConnectionRoom _room;
    private readonly MemoryGuard _guard;
    private int _collections;

    public MemoryGuardTests()
    {
        _room = new(_capacity);
        _guard = new(_room, _sessions, new ScriptedHeap(), new(int.MaxValue, 0, 100 * Mebibyte), _time, _logger);
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
            "Warning: memory is short: 85 of 100 MiB are in use; no client is accepted until there is room (DOTNET_GCHeapHardLimit, "
                + "or 75 % of a container's limit and of systemd MemoryMax=)",
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

    [TestCase(89, 89, false)]
    [TestCase(99, 89, false)]
    [TestCase(90, 90, true)]
    public void Look_NearerToTheLimitThanWhereItStopsAccepting_EndsSessionsWhenACollectionDoesNotHelp(int inUse, int collected, bool sheds)
    {
        Look(inUse, collected);

        Assert.That(_sessions.Asked, Is.EqualTo(sheds ? new[] { (20L, true) } : []));
    }

    [Test]
    public void Look_Shedding_GoesOnUntilClientsAreAcceptedAgainAndSparesMostBelow90Percent()
    {
        foreach (var collected in new[] { 95, 91, 89, 80, 70, 69, 75, 89 })
        {
            Look(collected, collected);
            _time.Step(TimeSpan.FromSeconds(2));
        }

        Assert.That(_sessions.Asked, Is.EqualTo(new[] { (25L, true), (21L, true), (19L, false), (10L, false), (0L, false) }));
        Assert.That(_room.IsPaused, Is.True, "stopped again at 89, and nobody is ended for that");
    }

    [Test]
    public void Look_NobodyHoldsWhatMemoryIsShortOf_EndsNoMore()
    {
        Look(90, 90);
        _sessions.Count = 0;
        foreach (var collected in new[] { 85, 85, 89 })
        {
            _time.Step(TimeSpan.FromSeconds(2));
            Look(collected, collected);
        }

        Assert.That(_sessions.Asked, Is.EqualTo(new[] { (20L, true), (15L, false) }));
        Assert.That(_logger.Lines[^1], Is.EqualTo("Warning: sessions are no longer ended: 3 were, for want of memory, and 85 of 100 MiB are in use"));
    }

    [Test]
    public void Look_TheProcessAtStake_CollectsTwiceASecond()
    {
        for (var i = 0; i < 8; i++)
        {
            Look(95, 95);
            _time.Step(TimeSpan.FromMilliseconds(250));
        }

        Assert.That((_collections, _sessions.Asked.Count), Is.EqualTo((4, 4)));
    }

    [Test]
    public void Look_CollectionsTakeLong_AreNoMoreThanATenthOfTheTime()
    {
        for (var i = 0; i < 20; i++)
        {
            Look(95, 95, took: TimeSpan.FromSeconds(1));
            _time.Step(TimeSpan.FromSeconds(1));
        }

        Assert.That(_collections, Is.EqualTo(3));
    }

    [Test]
    public void Look_SheddingAgainAndAgain_IsSaidOnceAMinuteAndAllAreCounted()
    {
        foreach (var collected in new[] { 92, 60, 92, 60, 92, 60 })
        {
            Look(collected, collected);
            _time.Step(TimeSpan.FromSeconds(14));
        }

        Look(92, 92);
        Look(60, 60);

        Assert.That(_logger.Lines.Where(line => !line.Contains("memory is short") && !line.Contains("no longer short")), Is.EqualTo(new[]
        {
            "Warning: memory is nearly used up: 92 of 100 MiB are in use; sessions are ended with 421, those that hold most first; to avoid this condition, "
                + "raise the memory limit or lower default_process_limit",
            "Warning: sessions are no longer ended: 3 were, for want of memory, and 60 of 100 MiB are in use",
            "Warning: memory is nearly used up: 92 of 100 MiB are in use; sessions are ended with 421, those that hold most first; to avoid this condition, "
                + "raise the memory limit or lower default_process_limit",
            "Warning: sessions are no longer ended: 9 were, for want of memory, and 60 of 100 MiB are in use",
        }));
    }

    private void Look(int inUse, int collected, TimeSpan took) => _guard.Look(inUse * Mebibyte, () =>
    {
        _collections++;
        _time.Step(took);
        return collected * Mebibyte;
    });

    private void Look(int inUse, int collected) => _guard.Look(inUse * Mebibyte, () =>
    {
        _collections++;
        return collected * Mebibyte;
    });
}
