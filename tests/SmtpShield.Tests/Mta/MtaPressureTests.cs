using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Mta;
using SmtpShield.Mta.Slots;
using SmtpShield.Mta.Stress;
using SmtpShield.Options;
using SmtpShield.Tests.Mta.Slots;

namespace SmtpShield.Tests.Mta;

/// <summary>When a service's clients are served sparingly, and when its new sessions get the stress values.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class MtaPressureTests
{
    private readonly FakeLogger<MtaPressure> _log = new();
    private readonly List<Slot> _sessions = [];
    private HostedPool _host = null!;
    private MtaPressure _pressure = null!;

    private IEnumerable<string> Lines => _log.Collector.GetSnapshot().Select(static line => line.Message);

    [TearDown]
    public async Task TearDown() => await _host.DisposeAsync();

    [Test, Property("Pool", "LATE-27")]
    public void Look_HalfOfTheSessionsAreInUse_BeginsOnceAndEndsBehindTenCalmSeconds()
    {
        Host(1);
        Sessions(44);
        Assert.That(_pressure.Look(), Is.False);

        Sessions(45);
        Parallel.For(0, 20, _ => _pressure.Look());
        Sessions(46);
        Assert.That(_pressure.Look(), Is.True);
        Assert.That(Lines, Is.EqualTo(["late dialing on: 45 of 90 sessions at the MTA"]));

        Sessions(31);
        _pressure.Look();
        _host.Time.Advance(TimeSpan.FromSeconds(9.9));
        Sessions(40);
        Assert.That(_pressure.Look(), Is.True);
        _host.Time.Advance(TimeSpan.FromSeconds(0.1));
        Sessions(31);
        Assert.That(_pressure.Look(), Is.True);
        Assert.That(Lines.Count(), Is.EqualTo(1));

        _host.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.That(_pressure.Look(), Is.False);
        Assert.That(Lines.Last(), Is.EqualTo("late dialing off: 31 of 90 sessions at the MTA"));
    }

    [Test]
    public void Look_SomebodyWaits_Begins()
    {
        Host(1, limit: 4);
        Sessions(1);
        Assert.That(_pressure.Look(), Is.False);

        Slots(0).IsHeld = true;
        SlotWaiter.Enqueue([Slots(0)], TestSlots.Range(1), ClientStanding.Unknown, static () => { });

        Assert.That(_pressure.Look(), Is.True);
    }

    [Test]
    public void Look_MtaIsPressedWithFewSessions_BeginsAndEndsBehindIt()
    {
        Host(1);
        Sicken(0, 5);
        Assert.That((_pressure.Look(), _pressure.IsUnderStress), Is.EqualTo((true, true)));

        Pass(40);
        Assert.That(_pressure.IsUnderStress, Is.False);
        _pressure.Look();
        _host.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.That(_pressure.Look(), Is.False);
    }

    [Test, Property("Pool", "STRESS-8")]
    public void IsUnderStress_OneOfTwoIsSick_OnlyThatOneGetsLess()
    {
        Host(2);
        Sicken(0, 20);

        Assert.That(_host.Pool.StressOf("smtp"), Is.EqualTo(StressLevel.None));
        Assert.That((_pressure.Look(), _pressure.IsUnderStress), Is.EqualTo((false, false)));
        Assert.That(_host.Maintenance.Pictures().Select(static picture => picture.LimitInForce), Is.EqualTo([44, 90]));
    }

    [Test]
    public void IsUnderStress_AllAreSick_ServiceIs()
    {
        Host(2);
        Sicken(0, 2);
        Sicken(1, 5);
        Sicken(0, 5);

        Assert.That(_pressure.IsUnderStress, Is.True);
    }

    [Test]
    public void LimitInForce_ReloadUnderStress_FollowsBoth()
    {
        Host(1);
        Sicken(0, 5);
        Assert.That(_host.Maintenance.Pictures().Single().LimitInForce, Is.EqualTo(63));

        _host.Snapshot.Replace(Options(1, limit: 50));
        Assert.That(_host.Maintenance.Pictures().Single().LimitInForce, Is.EqualTo(50));
        _host.Snapshot.Replace(Options(1, limit: 0));
        Assert.That(_host.Maintenance.Pictures().Single().LimitInForce, Is.Zero);
        _host.Snapshot.Replace(Options(1));
        Assert.That(_host.Maintenance.Pictures().Single().LimitInForce, Is.EqualTo(63));
    }

    private void Host(int destinations, int limit = 90)
    {
        _host = HostedPool.Start(Options(destinations, limit));
        _pressure = new(new("smtp", _host.Snapshot), _host.Pool, _host.Time, _log);
        _host.Time.Advance(MtaStress.Step);
        _pressure.Look();
    }

    private static ShieldOptions Options(int destinations, int limit = 90) => new()
    {
        Upstream = new()
        {
            SessionLimit = limit,
            SessionReserve = 0,
            Destinations = [.. Enumerable.Range(1, destinations).Select(static number => new UpstreamAddress($"192.0.2.{number}", 25))],
        },
    };

    private UpstreamDestination Destination(int number) => _host.Pool.DestinationOf(_host.Pool.ClusterOf("smtp").DestinationsState.AllDestinations[number]);

    private MtaSlots Slots(int number) => Destination(number).Slots;

    // The MTA says that it has no room, for so many seconds.
    private void Sicken(int number, int seconds)
    {
        for (var second = 0; second < seconds; second++)
        {
            for (var reply = 0; reply < 10; reply++)
                Destination(number).Stress.NoteReply(isOfSystem: true);
            Pass(1);
        }
    }

    private void Pass(int seconds)
    {
        for (var second = 0; second < seconds; second++)
        {
            _host.Time.Advance(MtaStress.Step);
            _host.Pool.EndSecond();
        }
    }

    private void Sessions(int count)
    {
        while (_sessions.Count > count)
        {
            _sessions[^1].Dispose();
            _sessions.RemoveAt(_sessions.Count - 1);
        }
        while (_sessions.Count < count)
            _sessions.Add(Slots(0).TryTake(TestSlots.Range(_sessions.Count), ClientStanding.Exempt, static () => { })!);
    }
}
