using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Tests.Listening;

public class ProcessLimitListenerTests
{
    private readonly FakeTimeProvider _time = new();
    private ShedSessions _sessions = null!;
    private InMemoryListener _clients = null!;
    private ProcessLimit _limit = null!;
    private SessionCapacity _capacity = null!;
    private ConnectionRoom _room = null!;
    private ConnectionDrain _drain = null!;
    private AcceptLoops _loops = null!;
    private ProcessLimitListener _listener = null!;

    [SetUp]
    public void Create()
    {
        var snapshot = new ShieldSnapshot(new ShieldOptions { Listener = new ListenerOptions { DefaultProcessLimit = 1 } });
        _clients = new InMemoryListener();
        _sessions = new();
        _capacity = TestCapacity.Of(snapshot, connections: 8);
        _room = new ConnectionRoom(_capacity);
        _limit = new ProcessLimit(new("smtp", snapshot), _capacity, TimeProvider.System, NullLogger<ProcessLimit>.Instance);
        _drain = new ConnectionDrain(snapshot, TimeProvider.System);
        _loops = new AcceptLoops(_time);
        _listener = new ProcessLimitListener(_clients, _limit, _room, _sessions, _drain, _loops.Add(_clients.EndPoint), _time);
    }

    [TearDown]
    public async Task Dispose()
    {
        await _listener.DisposeAsync();
        await _clients.DisposeAsync();
        _limit.Dispose();
        _capacity.Dispose();
        _drain.Dispose();
    }

    [Test, CancelAfter(10_000)]
    public async Task Accept_LimitReached_LeavesTheClientInTheQueue(CancellationToken cancellationToken)
    {
        _clients.Connect();
        _clients.Connect();
        await AcceptAsync(cancellationToken);

        var second = _listener.AcceptAsync(cancellationToken).AsTask();

        Assert.That((second.IsCompleted, _clients.Waiting), Is.EqualTo((false, 1)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Accept_LimitReachedAndSomebodyWaits_AsksForAPlaceEachSecond(CancellationToken cancellationToken)
    {
        _clients.Connect();
        await AcceptAsync(cancellationToken);
        var second = _listener.AcceptAsync(cancellationToken).AsTask();
        _time.Advance(ProcessLimitListener.BetweenLooks);
        var without = _sessions.Places.Count;
        _clients.Connect();
        await Eventually.HoldsAsync(() =>
        {
            _time.Advance(ProcessLimitListener.BetweenLooks);
            return _sessions.Places.Count >= 2;
        }, TimeSpan.FromSeconds(9), "a place is asked for", cancellationToken);

        Assert.That((without, _sessions.Places[0], second.IsCompleted), Is.EqualTo((0, ("smtp", 1), false)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Accept_ConnectionDisposed_AcceptsTheNext(CancellationToken cancellationToken)
    {
        _clients.Connect();
        _clients.Connect();
        var first = await AcceptAsync(cancellationToken);
        var second = _listener.AcceptAsync(cancellationToken).AsTask();

        await first.DisposeAsync();

        Assert.That(await second.WaitAsync(cancellationToken), Is.Not.Null);
    }

    [Test, CancelAfter(10_000)]
    public async Task Accept_SlotReleasedBeforeTheClose_AcceptsTheNextAndCountsOnce(CancellationToken cancellationToken)
    {
        _clients.Connect();
        _clients.Connect();
        var first = await AcceptAsync(cancellationToken);

        first.Features.Get<ProcessSlot>()!.Release();
        await AcceptAsync(cancellationToken);
        await first.DisposeAsync();

        Assert.That((_limit.Sessions, _drain.Connections), Is.EqualTo((1, 1)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Dispose_TransportThrows_StillReleases(CancellationToken cancellationToken)
    {
        _clients.Connect().ThrowsOnDispose = true;
        var connection = await AcceptAsync(cancellationToken);

        Assert.That(async () => await connection.DisposeAsync(), Throws.InstanceOf<IOException>());
        Assert.That((_limit.Sessions, _drain.Connections), Is.EqualTo((0, 0)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Accept_AnotherListenerTookTheLastSlot_HoldsTheClientUntilItIsFree(CancellationToken cancellationToken)
    {
        var raced = _listener.AcceptAsync(cancellationToken).AsTask();
        var slot = await _limit.TakeAsync(_clients.EndPoint, cancellationToken);
        var client = _clients.Connect();
        Assert.That((raced.IsCompleted, client.IsDisposed), Is.EqualTo((false, false)));

        slot.Release();

        Assert.That(await raced.WaitAsync(cancellationToken), Is.Not.Null);
    }

    [Test, CancelAfter(10_000)]
    public async Task Drain_WhileWaitingForAClient_EndsAcceptingAndUnbinds(CancellationToken cancellationToken)
    {
        var accepting = _listener.AcceptAsync(cancellationToken).AsTask();

        _drain.Begin();

        Assert.That(await accepting.WaitAsync(cancellationToken), Is.Null);
        Assert.That(_clients.IsUnbound, Is.True);
    }

    [Test, CancelAfter(10_000)]
    public async Task Drain_WhileWaitingForRoom_EndsAccepting(CancellationToken cancellationToken)
    {
        _clients.Connect();
        await AcceptAsync(cancellationToken);
        var accepting = _listener.AcceptAsync(cancellationToken).AsTask();

        _drain.Begin();

        Assert.That(await accepting.WaitAsync(cancellationToken), Is.Null);
    }

    [Test, CancelAfter(10_000)]
    public async Task Drain_WhileAClientIsHeld_ClosesIt(CancellationToken cancellationToken)
    {
        var raced = _listener.AcceptAsync(cancellationToken).AsTask();
        await _limit.TakeAsync(_clients.EndPoint, cancellationToken);
        var client = _clients.Connect();

        _drain.Begin();

        Assert.That(await raced.WaitAsync(cancellationToken), Is.Null);
        Assert.That(client.IsDisposed, Is.True);
    }

    [Test, CancelAfter(10_000)]
    public async Task StopListeningOnly_WhileAClientIsHeld_ItStillGetsItsPlace(CancellationToken cancellationToken)
    {
        var raced = _listener.AcceptAsync(cancellationToken).AsTask();
        var slot = await _limit.TakeAsync(_clients.EndPoint, cancellationToken);
        _clients.Connect();

        _drain.StopListeningOnly();
        Assert.That((_clients.IsUnbound, raced.IsCompleted, _loops.WhenEnded.IsCompleted), Is.EqualTo((true, false, false)));
        slot.Release();

        Assert.That(await raced.WaitAsync(cancellationToken), Is.Not.Null);
        Assert.That(await _listener.AcceptAsync(cancellationToken), Is.Null);
        await _loops.WhenEnded.WaitAsync(cancellationToken);
        Assert.That((_drain.Draining.IsCancellationRequested, _drain.HasBegun), Is.EqualTo((false, true)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Accept_Held_LeavesTheClientInTheQueueUntilItIsLetThrough(CancellationToken cancellationToken)
    {
        _loops.Hold();
        _clients.Connect();
        var accepting = _listener.AcceptAsync(cancellationToken).AsTask();
        Assert.That((accepting.IsCompleted, _clients.Waiting), Is.EqualTo((false, 1)));

        _loops.LetThrough();

        Assert.That(await accepting.WaitAsync(cancellationToken), Is.Not.Null);
    }

    [Test, CancelAfter(10_000)]
    public async Task Unbind_WhileHeld_EndsAccepting(CancellationToken cancellationToken)
    {
        _loops.Hold();
        var accepting = _listener.AcceptAsync(cancellationToken).AsTask();

        await _listener.UnbindAsync(cancellationToken);

        Assert.That(await accepting.WaitAsync(cancellationToken), Is.Null);
    }

    [Test, CancelAfter(10_000)]
    public async Task Accept_NoRoomInTheProcess_LeavesTheClientInTheQueueUntilAConnectionIsClosed(CancellationToken cancellationToken)
    {
        _clients.Connect();
        var places = new List<ConnectionRoom.Place>();
        for (var i = 0; i < _capacity.Bound.Connections; i++)
            places.Add(await _room.TakeAsync(cancellationToken));
        var accepting = _listener.AcceptAsync(cancellationToken).AsTask();
        Assert.That((accepting.IsCompleted, _clients.Waiting), Is.EqualTo((false, 1)));

        places[0].Dispose();

        Assert.That(await accepting.WaitAsync(cancellationToken), Is.Not.Null);
    }

    [Test, CancelAfter(10_000)]
    public async Task Drain_WhileAClientIsHeldByTheProcess_ClosesItAndGivesItsSlotBack(CancellationToken cancellationToken)
    {
        var raced = _listener.AcceptAsync(cancellationToken).AsTask();
        for (var i = 0; i < _capacity.Bound.Connections; i++)
            await _room.TakeAsync(cancellationToken);
        var client = _clients.Connect();

        _drain.Begin();

        Assert.That(await raced.WaitAsync(cancellationToken), Is.Null);
        Assert.That((client.IsDisposed, _limit.Sessions), Is.EqualTo((true, 0)));
    }

    private async Task<ConnectionContext> AcceptAsync(CancellationToken cancellationToken) =>
        await _listener.AcceptAsync(cancellationToken).AsTask().WaitAsync(cancellationToken) ?? throw new InvalidOperationException("The listener is closed.");
}
