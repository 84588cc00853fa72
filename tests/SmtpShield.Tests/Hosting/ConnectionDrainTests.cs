using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Hosting;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Tests.Listening;

namespace SmtpShield.Tests.Hosting;

public class ConnectionDrainTests
{
    private SteppedTime _time = null!;
    private ShieldSnapshot _snapshot = null!;
    private ConnectionDrain _drain = null!;
    private HostOptions _host = null!;
    private FakeLogger<DrainOnShutdown> _logger = null!;
    private DrainOnShutdown _shutdown = null!;

    [SetUp]
    public void Create()
    {
        _time = new SteppedTime();
        _snapshot = new ShieldSnapshot(WithTimeout(30));
        _drain = new ConnectionDrain(_snapshot, _time);
        _host = new HostOptions();
        _logger = new FakeLogger<DrainOnShutdown>();
        _shutdown = new DrainOnShutdown(_drain, _snapshot, _time, Microsoft.Extensions.Options.Options.Create(_host), _logger);
    }

    [TearDown]
    public void Dispose()
    {
        _shutdown.Dispose();
        _drain.Dispose();
    }

    [Test, CancelAfter(10_000)]
    public async Task Begin_Always_StopsListeningThenDrains(CancellationToken cancellationToken)
    {
        var stoppedFirst = false;
        var draining = Fired(_drain.Draining, () => stoppedFirst = _drain.StopListening.IsCancellationRequested);

        _drain.Begin();

        await draining.WaitAsync(cancellationToken);
        Assert.That((stoppedFirst, _drain.Deadline.IsCancellationRequested), Is.EqualTo((true, false)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Deadline_DrainTimeoutLater_Fires(CancellationToken cancellationToken)
    {
        var deadline = Fired(_drain.Deadline);
        _drain.Begin();
        _time.Step(TimeSpan.FromSeconds(29));
        Assert.That(_drain.Deadline.IsCancellationRequested, Is.False);

        _time.Step(TimeSpan.FromSeconds(1));

        await deadline.WaitAsync(cancellationToken);
    }

    [Test, CancelAfter(10_000)]
    public async Task Deadline_NoDrainTimeout_FiresAtOnce(CancellationToken cancellationToken)
    {
        _snapshot.Replace(WithTimeout(0));
        var deadline = Fired(_drain.Deadline);

        _drain.Begin();

        await deadline.WaitAsync(cancellationToken);
    }

    [Test]
    public void WhenEmpty_LeasesOutAndBack_CompletesWithTheLast()
    {
        Assert.That(_drain.WhenEmpty.IsCompleted, Is.True);
        var first = _drain.Enter();
        var second = _drain.Enter();
        var empty = _drain.WhenEmpty;

        first.Dispose();
        first.Dispose();
        Assert.That((empty.IsCompleted, _drain.Connections), Is.EqualTo((false, 1)));
        second.Dispose();

        Assert.That((empty.IsCompleted, _drain.Connections), Is.EqualTo((true, 0)));
    }

    [Test]
    public void Stopping_NoConnections_DoesNotWait()
    {
        Assert.That(_shutdown.StoppingAsync(default).IsCompletedSuccessfully, Is.True);
        Assert.That(_drain.StopListening.IsCancellationRequested, Is.True);
    }

    [Test, CancelAfter(10_000)]
    public async Task Stopping_LastConnectionLeaves_Completes(CancellationToken cancellationToken)
    {
        var lease = _drain.Enter();
        var stopping = _shutdown.StoppingAsync(cancellationToken);
        Assert.That(stopping.IsCompleted, Is.False);

        lease.Dispose();

        await stopping.WaitAsync(cancellationToken);
        Assert.That(_logger.Lines, Is.EqualTo(new[] { "Information: stopping: waiting for 1 connections to finish" }));
    }

    [Test, CancelAfter(10_000)]
    public async Task Stopping_ConnectionStays_WaitsTwoSecondsLongerThanTheDeadline(CancellationToken cancellationToken)
    {
        using var lease = _drain.Enter();
        var stopping = _shutdown.StoppingAsync(cancellationToken);
        _time.Step(TimeSpan.FromSeconds(31));
        Assert.That((stopping.IsCompleted, _time.RunningTimers), Is.EqualTo((false, 1)));

        _time.Step(TimeSpan.FromSeconds(1));

        await stopping.WaitAsync(cancellationToken);
        Assert.That(_logger.Lines[^1], Is.EqualTo("Warning: stopping: 1 connections did not finish in time and are cut off"));
    }

    [Test, CancelAfter(10_000)]
    public async Task Stopping_HostGivesUp_Completes(CancellationToken cancellationToken)
    {
        using var lease = _drain.Enter();
        using var host = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var stopping = _shutdown.StoppingAsync(host.Token);

        await host.CancelAsync();

        await stopping.WaitAsync(cancellationToken);
    }

    [Test]
    public void ShutdownTimeout_AfterReload_IsLongerThanTheDrain()
    {
        Assert.That(_host.ShutdownTimeout, Is.EqualTo(TimeSpan.FromSeconds(42)));

        _snapshot.Replace(WithTimeout(300));

        Assert.That(_host.ShutdownTimeout, Is.EqualTo(TimeSpan.FromSeconds(312)));
    }

    private static ShieldOptions WithTimeout(int seconds) => new() { Listener = new ListenerOptions { DrainTimeout = TimeSpan.FromSeconds(seconds) } };

    private static Task Fired(CancellationToken token, Action? then = null)
    {
        var fired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        token.Register(() =>
        {
            then?.Invoke();
            fired.SetResult();
        });
        return fired.Task;
    }
}
