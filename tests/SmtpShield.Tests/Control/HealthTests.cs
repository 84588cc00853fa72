using System.Net;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Control.Monitoring;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Listening;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.Mta;

namespace SmtpShield.Tests.Control;

/// <summary>When the process is said to work, and to take clients.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Property("Operations", "OPS-39")]
internal sealed class HealthTests : IAsyncDisposable
{
    private const string Mta = "192.0.2.25:25";

    private readonly HostedPool _host = HostedPool.Start(new()
    {
        Upstream = new() { Destinations = [new("192.0.2.25", 25)], SessionLimit = 0, GreetingTimeout = TimeSpan.FromSeconds(30) },
    });

    private readonly Lifetime _lifetime = new();
    private readonly Queue<Action> _pool = new();
    private readonly AnvilSweeper _sweeper;
    private readonly AcceptLoops _loops;
    private readonly PoolPulse _pulse;
    private readonly ConnectionDrain _drain;
    private readonly Health _health;

    public HealthTests()
    {
        var (snapshot, time) = (_host.Snapshot, _host.Time);
        _sweeper = new(TestAnvil.Table(snapshot, time), snapshot, time, NullLogger<AnvilSweeper>.Instance);
        _loops = new(time);
        _pulse = new(time, _pool.Enqueue);
        _drain = new(snapshot, time);
        _health = new(_sweeper, _loops, _pulse, _drain, _host.Maintenance, _lifetime, time);
    }

    public async ValueTask DisposeAsync()
    {
        _sweeper.Dispose();
        _pulse.Dispose();
        _drain.Dispose();
        _lifetime.Dispose();
        await _host.DisposeAsync();
    }

    [TestCase(5, "")]
    [TestCase(6, "the table of clients was not swept for 6 s")]
    public void Problems_TableIsNotSwept_AreSaidBehindFiveSeconds(int seconds, string expected)
    {
        Pass(seconds);

        Assert.That(_health.Problems(), expected.Length == 0 ? Is.Empty : Is.EqualTo((string[])[expected]));
    }

    [TestCase(5, "")]
    [TestCase(6, "nobody accepts clients at 1 of the end points")]
    public void Problems_AcceptLoopHasEnded_AreSaidBehindFiveSeconds(int seconds, string expected)
    {
        _lifetime.Start();
        var (dead, waiting) = (_loops.Add(new IPEndPoint(IPAddress.Any, 25)), _loops.Add(new IPEndPoint(IPAddress.IPv6Any, 25)));
        waiting.NoteEntered();
        dead.NoteEntered();
        Pass(60);
        Assert.That(Problems(), Is.Empty, "both wait");
        dead.NoteLeft();

        Pass(seconds);

        Assert.That(Problems(), expected.Length == 0 ? Is.Empty : Is.EqualTo((string[])[expected]));

        string[] Problems()
        {
            _sweeper.Sweep();
            return [.. _health.Problems()];
        }
    }

    [Test]
    public void Problems_AcceptLoopEndsBecauseTheShieldStops_AreNone()
    {
        _lifetime.Start();
        _loops.Add(new IPEndPoint(IPAddress.Any, 25));
        _drain.Begin();

        Pass(60);
        _sweeper.Sweep();

        Assert.That(_health.Problems(), Is.Empty);
    }

    [Test]
    public void Problems_PoolIsBlocked_AreSaidBehindASecondAndUntilItAnswersInTime()
    {
        _pulse.Try();
        _host.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(_health.Problems(), Is.Empty);
        _host.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.That(_health.Problems(), Is.EqualTo((string[])["the thread pool took 3 s to begin something"]));

        _pulse.Try();
        Assert.That(_pool, Has.Count.EqualTo(1), "one at a time");
        _pool.Dequeue()();
        Assert.That(_health.Problems(), Is.EqualTo((string[])["the thread pool took 3 s to begin something"]));
        _pulse.Try();
        _pool.Dequeue()();
        Assert.That(_health.Problems(), Is.Empty);
    }

    // Nothing runs that could try, so nobody can say what is late either, until it runs again.
    [Test]
    public void Problems_NotEvenTriesAreMade_AreSaid()
    {
        _pulse.Try();
        _pool.Dequeue()();

        _host.Time.Advance(TimeSpan.FromSeconds(4));

        Assert.That(_health.Problems(), Is.EqualTo((string[])["the thread pool took 3 s to begin something"]));
    }

    [Test]
    public void WhyNotReady_StartAndDrain_SaysSo()
    {
        Assert.That(_health.WhyNotReady, Is.EqualTo("the shield starts"));
        _lifetime.Start();
        Assert.That(_health.WhyNotReady, Is.Null);

        string? atFirstClose = "";
        using var closes = _drain.StopListening.Register(() => atFirstClose = _health.WhyNotReady);
        _drain.Begin();

        Assert.That((atFirstClose, _health.WhyNotReady), Is.EqualTo(("the shield stops", "the shield stops")));
    }

    [Test, CancelAfter(30_000)]
    public async Task ServicesWithoutUpstream_MtaIsAway_AreCountedBehindThirtySeconds(CancellationToken cancellationToken)
    {
        _host.Network.Fails(Mta, System.Net.Sockets.SocketError.ConnectionRefused);
        for (var i = 0; i < 3; i++)
            await _host.DialAsync(cancellationToken);
        Assert.That(_host.Maintenance.Pictures().Single().State, Is.EqualTo(SmtpShield.Mta.UpstreamState.Down));
        _host.Time.Advance(TimeSpan.FromSeconds(29));
        Assert.That(_health.ServicesWithoutUpstream(), Is.Zero);

        _host.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.That(_health.ServicesWithoutUpstream(), Is.EqualTo(1));
    }

    // Time, in which the pool answers.
    private void Pass(int seconds)
    {
        _host.Time.Advance(TimeSpan.FromSeconds(seconds));
        _pulse.Try();
        _pool.Dequeue()();
    }

    private sealed class Lifetime : IHostApplicationLifetime, IDisposable
    {
        private readonly CancellationTokenSource _started = new();
        private readonly CancellationTokenSource _stopping = new();

        public CancellationToken ApplicationStarted => _started.Token;

        public CancellationToken ApplicationStopping => _stopping.Token;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void Start() => _started.Cancel();

        public void StopApplication() => _stopping.Cancel();

        public void Dispose()
        {
            _started.Dispose();
            _stopping.Dispose();
        }
    }
}
