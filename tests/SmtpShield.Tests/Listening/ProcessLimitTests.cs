using System.Net;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Listening;

public class ProcessLimitTests
{
    private static readonly IPEndPoint _everywhere = new(IPAddress.Any, 25);

    private SteppedTime _time = null!;
    private ShieldSnapshot _snapshot = null!;
    private FakeLogger<ProcessLimit> _logger = null!;
    private SessionCapacity _capacity = null!;
    private ProcessLimit _limit = null!;

    [SetUp]
    public void Create()
    {
        _time = new SteppedTime();
        _snapshot = new ShieldSnapshot(WithLimit(2));
        _logger = new FakeLogger<ProcessLimit>();
        _capacity = TestCapacity.Of(_snapshot, connections: 8000);
        _limit = new ProcessLimit(new("smtp", _snapshot), _capacity, _time, _logger);
    }

    [TearDown]
    public void Dispose()
    {
        _limit.Dispose();
        _capacity.Dispose();
    }

    [TestCase(0, true)]
    [TestCase(1, true)]
    [TestCase(2, false)]
    public async Task WaitForRoom_SessionsAroundTheLimit_CompletesBelowIt(int sessions, bool completes)
    {
        for (var i = 0; i < sessions; i++)
            await _limit.TakeAsync(_everywhere, default);

        Assert.That(_limit.WaitForRoomAsync(default).IsCompleted, Is.EqualTo(completes));
    }

    [Test, CancelAfter(10_000)]
    public async Task Release_AtTheLimit_MakesRoom(CancellationToken cancellationToken)
    {
        var slot = await _limit.TakeAsync(_everywhere, cancellationToken);
        await _limit.TakeAsync(_everywhere, cancellationToken);
        var room = _limit.WaitForRoomAsync(cancellationToken);

        slot.Release();

        await room.WaitAsync(cancellationToken);
        Assert.That(_limit.Sessions, Is.EqualTo(1));
    }

    [Test]
    public async Task Release_Twice_GivesOneSlotBack()
    {
        var slot = await _limit.TakeAsync(_everywhere, default);
        await _limit.TakeAsync(_everywhere, default);

        slot.Release();
        slot.Release();

        Assert.That(_limit.Sessions, Is.EqualTo(1));
    }

    [Test]
    public void Release_FromManyThreads_GivesOneSlotBack()
    {
        _snapshot.Replace(WithLimit(1000));
        var slots = Enumerable.Range(0, 200).Select(_ => Taken()).ToArray();

        Parallel.For(0, 1000, i => slots[i % 100].Release());

        Assert.That(_limit.Sessions, Is.EqualTo(100));
    }

    [Test, CancelAfter(10_000)]
    public async Task Take_NoRoom_WaitsForAReleasedSlot(CancellationToken cancellationToken)
    {
        var slot = await _limit.TakeAsync(_everywhere, cancellationToken);
        await _limit.TakeAsync(_everywhere, cancellationToken);
        var held = _limit.TakeAsync(_everywhere, cancellationToken).AsTask();
        Assert.That(held.IsCompleted, Is.False);

        slot.Release();

        await held.WaitAsync(cancellationToken);
        Assert.That(_limit.Sessions, Is.EqualTo(2));
    }

    [Test, CancelAfter(10_000)]
    public async Task Take_Held_GoesBeforeAListenerThatWaitsForRoom(CancellationToken cancellationToken)
    {
        var slot = await _limit.TakeAsync(_everywhere, cancellationToken);
        await _limit.TakeAsync(_everywhere, cancellationToken);
        var room = _limit.WaitForRoomAsync(cancellationToken);
        var held = _limit.TakeAsync(_everywhere, cancellationToken).AsTask();

        slot.Release();
        var next = await held.WaitAsync(cancellationToken);
        Assert.That(room.IsCompleted, Is.False);
        next.Release();

        await room.WaitAsync(cancellationToken);
    }

    [Test, CancelAfter(10_000)]
    public async Task Replace_HigherLimit_MakesRoom(CancellationToken cancellationToken)
    {
        await _limit.TakeAsync(_everywhere, cancellationToken);
        await _limit.TakeAsync(_everywhere, cancellationToken);
        var room = _limit.WaitForRoomAsync(cancellationToken);

        _snapshot.Replace(WithLimit(3));

        await room.WaitAsync(cancellationToken);
    }

    [Test]
    public async Task Replace_LowerLimit_AppliesToTheNextSession()
    {
        var slot = await _limit.TakeAsync(_everywhere, default);
        await _limit.TakeAsync(_everywhere, default);

        _snapshot.Replace(WithLimit(1));
        slot.Release();

        Assert.That(_limit.WaitForRoomAsync(default).IsCompleted, Is.False);
    }

    [Test, CancelAfter(10_000)]
    public async Task WaitForRoom_Cancelled_Ends(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Taken();
        Taken();
        var room = _limit.WaitForRoomAsync(stop.Token);
        var held = _limit.TakeAsync(_everywhere, stop.Token).AsTask();

        await stop.CancelAsync();

        Assert.That(async () => await room, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await held, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(_limit.Sessions, Is.EqualTo(2));
    }

    [Test]
    public void Take_LastSlot_LogsPostfixsThreeLines()
    {
        Taken();
        Assert.That(_logger.Lines, Is.Empty);

        Taken();

        Assert.That(_logger.Lines.Take(3), Is.EqualTo(new[]
        {
            "Warning: service \"smtp\" (25) has reached its process limit \"2\": new clients may experience noticeable delays",
            "Warning: to avoid this condition, increase default_process_limit or reduce the service time per client",
            "Warning: see https://www.postfix.org/STRESS_README.html for examples of stress-adapting configuration settings",
        }));
    }

    [TestCase("[::]:25", "(25)")]
    [TestCase("127.0.0.1:2525", "([127.0.0.1]:2525)")]
    [TestCase("[2001:db8::1]:25", "([2001:db8::1]:25)")]
    public async Task Take_LastSlot_NamesTheEndpoint(string endpoint, string named)
    {
        Taken();
        await _limit.TakeAsync(IPEndPoint.Parse(endpoint), default);

        Assert.That(_logger.Lines[0], Does.StartWith($"Warning: service \"smtp\" {named} has"));
    }

    [Test]
    public void Take_LimitOfOne_WarnsToo()
    {
        _snapshot.Replace(WithLimit(1));

        Taken();

        Assert.That(_logger.Lines[0], Does.Contain("process limit \"1\""));
    }

    [TestCase(0, 3)]
    [TestCase(1000, 3)]
    [TestCase(1001, 6)]
    public void Take_LastSlotAgain_WarnsOnceIn1000Seconds(int secondsLater, int lines)
    {
        Taken();
        var slot = Taken();
        slot.Release();
        _time.Step(TimeSpan.FromSeconds(secondsLater));

        Taken();

        Assert.That(_logger.Lines.Count(static line => line.StartsWith("Warning", StringComparison.Ordinal)), Is.EqualTo(lines));
    }

    [Test]
    public void IsUnderStress_FromTheLimitDownTo70Percent_IsSaidOnceEachWay()
    {
        _snapshot.Replace(WithLimit(10));
        var slots = Enumerable.Range(0, 9).Select(_ => Taken()).ToList();
        var below = _limit.IsUnderStress;
        slots.Add(Taken());
        var reached = _limit.IsUnderStress;
        foreach (var slot in slots.Take(2))
            slot.Release();
        var at80 = _limit.IsUnderStress;
        slots[2].Release();
        var at70 = _limit.IsUnderStress;
        slots[3].Release();

        Assert.That((below, reached, at80, at70), Is.EqualTo((false, true, true, false)));
        Assert.That(
            _logger.Lines.Where(static line => line.Contains("STRESS mode", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "Information: entering STRESS mode with 10 connections", "Information: leaving STRESS mode with 7 connections" }));
    }

    [Test]
    public void IsUnderStress_LimitRaised_Ends()
    {
        Taken();
        Taken();
        _snapshot.Replace(WithLimit(3));

        Assert.That(_limit.IsUnderStress, Is.False);
    }

    [Test]
    public void IsUnderStress_BackAtTheLimit_BeginsAgain()
    {
        Taken();
        Taken().Release();
        var between = _limit.IsUnderStress;
        Taken();

        Assert.That((between, _limit.IsUnderStress), Is.EqualTo((false, true)));
    }

    private static ShieldOptions WithLimit(int limit) => new() { Listener = new ListenerOptions { DefaultProcessLimit = limit } };

    private ProcessSlot Taken()
    {
        var slot = _limit.TakeAsync(_everywhere, default).AsTask();
        Assert.That(slot.IsCompleted, Is.True);
        return slot.GetAwaiter().GetResult();
    }
}
