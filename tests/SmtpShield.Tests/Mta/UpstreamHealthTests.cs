using System.Net.Sockets;
using SmtpShield.Mta;
using SmtpShield.Mta.Health;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Tests.Mta;

/// <summary>What is found out of MTAs, by dials and probes, and what clients notice of it.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), CancelAfter(60_000)]
internal sealed class UpstreamHealthTests
{
    private const string A = "192.0.2.1:25";
    private const string B = "192.0.2.2:25";
    private const string Hello = "220 mx ESMTP\r\n";
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    private static readonly string[] s_probe = ["S: 220 mx", "C: EHLO localhost.localdomain", "S: 250 mx", "C: QUIT", "S: 221 bye"];
    private HostedPool _host = null!;

    [TearDown]
    public async Task TearDown() => await _host.DisposeAsync();

    [Test, Property("Pool", "POOL-6")]
    public async Task DialAsync_AllAreDown_ClientsAreToldAtOnceAndOneASecondTries(CancellationToken cancellationToken)
    {
        Host(A, B);
        Fail(A);
        Fail(B);
        while (_host.Maintenance.Pictures().Any(static picture => picture.State != UpstreamState.Down))
            await _host.DialAsync(cancellationToken);
        _host.Network.Attempts.Clear();

        for (var i = 0; i < 1000; i++)
        {
            var result = await _host.DialAsync(cancellationToken);
            Assert.That((result.Connection, result.IsBusy), Is.EqualTo(((UpstreamConnection?)null, false)));
        }

        Assert.That(_host.Network.Attempts, Has.Count.AtMost(2));
        Assert.That(_host.Maintenance.Pictures().Select(static picture => picture.Reason), Is.All.EqualTo("Connection refused"));
        _host.Network.Says(A, Hello);
        UpstreamConnection? served = null;
        for (var second = 0; second < 2 && served is null; second++)
        {
            _host.Time.Advance(s_second);
            served = (await _host.DialAsync(cancellationToken)).Connection;
        }

        Assert.That(served, Is.Not.Null);
        Assert.That(Lines, Has.Some.StartsWith($"upstream {A} is back for service smtp after "));
        await served!.DisposeAsync();
    }

    [Test, Property("Pool", "POOL-6")]
    public async Task DialAsync_LastOneGoesDownWhileOthersWait_TheyAreToldAtOnce(CancellationToken cancellationToken)
    {
        _host = HostedPool.Start(Options(A) with { Upstream = Options(A).Upstream with { SessionLimit = 1, SessionReserve = 0 } });
        _host.Network.Says(A, Hello);
        await using var held = (await _host.DialAsync(cancellationToken)).Connection;
        var waiting = Enumerable.Range(0, 10).Select(_ => _host.DialAsync(cancellationToken).AsTask()).ToArray();
        Assert.That(waiting.Any(static dial => dial.IsCompleted), Is.False);

        var cluster = _host.Pool.ClusterOf("smtp");
        var a = cluster.DestinationsState.AllDestinations[0];
        for (var i = 0; i < MtaHealth.MostProbesInVain; i++)
            _host.Pool.Note(cluster, a, new(ProbeOutcomeKind.Failed, "lost connection", TimeSpan.Zero), isProbe: true);

        var results = await Task.WhenAll(waiting);
        Assert.That(results.Select(static result => (result.Connection, result.IsBusy)), Is.All.EqualTo(((UpstreamConnection?)null, false)));
        Assert.That((_host.Network.Attempts.Count, _host.Time.Elapsed), Is.EqualTo((1, TimeSpan.Zero)));
    }

    [Test, Property("Pool", "POOL-12")]
    public async Task Probes_MtaIsNoneToUse_IsDownWithItsReasonAndOneLine()
    {
        var options = Options(A);
        _host = HostedPool.Start(options with { Upstream = options.Upstream with { ClientHandoff = ClientHandoff.Xclient } }, hasProbes: true, PlaysProbe);

        for (var second = 0; second < 60; second++)
            await PassAsync(s_second);

        const string Reason = "does not offer XCLIENT (smtpd_authorized_xclient_hosts)";
        Assert.That((_host.Maintenance.Pictures().Single().State, _host.Maintenance.Pictures().Single().Reason), Is.EqualTo((UpstreamState.Down, Reason)));
        Assert.That(Lines, Is.EqualTo([$"upstream {A} is down for service smtp: {Reason}"]));
    }

    [Test, Property("Pool", "POOL-3")]
    public async Task DialAsync_MtaSaysItIsFull_IsBusyAndServesAgainTwoSecondsLater(CancellationToken cancellationToken)
    {
        Host(A);
        _host.Network.Says(A, "421 4.3.2 full\r\n");
        await (await _host.DialAsync(cancellationToken)).Connection!.DisposeAsync();
        Assert.That(_host.Maintenance.Pictures().Single().State, Is.EqualTo(UpstreamState.Busy));
        _host.Network.Says(A, Hello);

        var waiting = _host.DialAsync(cancellationToken).AsTask();
        _host.Time.Advance(UpstreamDestination.BusyFor - TimeSpan.FromTicks(1));
        Assert.That((waiting.IsCompleted, _host.Network.Attempts.Count), Is.EqualTo((false, 1)));
        _host.Time.Advance(TimeSpan.FromTicks(1));

        await using var served = (await waiting).Connection;
        Assert.That((served!.GreetingCode, _host.Maintenance.Pictures().Single().State), Is.EqualTo((220, UpstreamState.Up)));
    }

    [Test, Property("Pool", "SEAM-15")]
    public async Task DialAsync_MtaTakesFewerThanTheLimit_IsToldOnceWithWhatToDo(CancellationToken cancellationToken)
    {
        Host(A);
        _host.Network.Says(A, Hello);
        var held = new List<UpstreamConnection>();
        for (var i = 0; i < 20; i++)
            held.Add((await _host.DialAsync(cancellationToken, client: $"10.0.0.{i}")).Connection!);
        _host.Network.Says(A, "421 4.7.0 mx Error: too many connections from 192.0.2.99\r\n");
        for (var i = 0; i < 3; i++)
        {
            await (await _host.DialAsync(cancellationToken)).Connection!.DisposeAsync();
            _host.Time.Advance(UpstreamDestination.BusyFor);
        }

        Assert.That(StateOf(A), Is.EqualTo(UpstreamState.Busy));
        Assert.That(Lines.Where(static line => line.Contains("sessions, of", StringComparison.Ordinal)),
            Is.EqualTo([$"upstream {A} says 421 with 21 sessions, of 90 it may have: lower shield_upstream_session_limit, or exempt the shield from what "
                + "the MTA limits per client"]));
        foreach (var connection in held)
            await connection.DisposeAsync();
    }

    [Test, Property("Pool", "POOL-3")]
    public async Task DialAsync_MtaIsSilentWhileOthersAreServed_IsNeverDown(CancellationToken cancellationToken)
    {
        Host(A, B);
        for (var i = 0; i < 10; i++)
        {
            _host.Network.Says(A, Hello);
            _host.Network.Says(B, Hello);
            for (var j = 0; j < 2; j++)
                await (await _host.DialAsync(cancellationToken)).Connection!.DisposeAsync();
            _host.Network.Says(A, "");
            var dial = _host.DialAsync(cancellationToken).AsTask();
            _host.Time.Advance(TimeSpan.FromSeconds(15));
            await (await dial).Connection!.DisposeAsync();
            _host.Time.Advance(TimeSpan.FromSeconds(3));
        }

        Assert.That(Lines.Where(static line => line.Contains(" is down ", StringComparison.Ordinal)), Is.Empty);
    }

    // 20 s: an MTA that looks for the shield's name in vain before it greets.
    [TestCase(20), TestCase(25), Property("Pool", "POOL-4"), Property("Pool", "SEAM-12"), Property("Pool", "SEAM-13")]
    public async Task DialAsync_MtaAlwaysTakesItsTimeToGreet_IsUpAndServes(int seconds, CancellationToken cancellationToken)
    {
        Host(A);
        _host.Network.Says(A, "");
        for (var i = 0; i < 5; i++)
        {
            var dial = _host.DialAsync(cancellationToken).AsTask();
            _host.Time.Advance(TimeSpan.FromSeconds(seconds));
            _host.Network.Connections.Last().Say(Hello);
            await (await dial).Connection!.DisposeAsync();
        }

        var picture = _host.Maintenance.Pictures().Single();
        Assert.That((picture.State, picture.Greeting, picture.LimitInForce), Is.EqualTo((UpstreamState.Up, TimeSpan.FromSeconds(seconds), 90)));
    }

    [Test, Property("Pool", "POOL-3")]
    public async Task DialAsync_MtaIsSilentForFiveSecondsWhileOthersWereAnswered_IsBusyAndIsWaitedFor(CancellationToken cancellationToken)
    {
        Host(A);
        _host.Network.Says(A, Hello);
        await DialAsync(1, cancellationToken);
        _host.Network.Says(A, "");
        var silent = _host.DialAsync(cancellationToken).AsTask();
        _host.Time.Advance(UsualGreeting.ShortestSilence - TimeSpan.FromTicks(1));
        Assert.That((StateOf(A), Lines), Is.EqualTo((UpstreamState.Up, (string[])[])));
        _host.Time.Advance(TimeSpan.FromTicks(1));
        Assert.That((StateOf(A), silent.IsCompleted), Is.EqualTo((UpstreamState.Busy, false)));
        Assert.That(Lines, Is.EqualTo([$"upstream {A} is busy for service smtp: no greeting within 5s"]));

        var next = _host.DialAsync(cancellationToken).AsTask();
        _host.Time.Advance(UpstreamDestination.BusyFor - TimeSpan.FromTicks(1));
        Assert.That(_host.Network.Attempts.Count, Is.EqualTo(2), "no new session for two seconds");
        _host.Time.Advance(TimeSpan.FromTicks(1));
        // Who waits is woken on a thread of its own.
        await Eventually.HoldsAsync(() => _host.Network.Connections.Count == 3, TimeSpan.FromSeconds(9), "the next one is dialed", cancellationToken);
        foreach (var connection in _host.Network.Connections.Skip(1))
            connection.Say(Hello);

        await using var first = (await silent).Connection;
        await using var second = (await next).Connection;
        Assert.That((first!.GreetingCode, second!.GreetingCode, StateOf(A)), Is.EqualTo((220, 220, UpstreamState.Up)));
    }

    [TestCase(ClientHandoff.None, true), TestCase(ClientHandoff.Xclient, true), TestCase(ClientHandoff.ProxyV2, false)]
    public async Task DialAsync_MtaIsSilent_SaysNothingOfItIfItMayBeAboutTheClient(ClientHandoff handoff, bool isBusy)
    {
        var options = Options(A);
        _host = HostedPool.Start(options with { Upstream = options.Upstream with { ClientHandoff = handoff } });
        var cluster = _host.Pool.ClusterOf("smtp");
        _host.Pool.Note(cluster, cluster.DestinationsState.AllDestinations[0], new(ProbeOutcomeKind.Good, "", TimeSpan.Zero), isProbe: true);
        _host.Network.Says(A, "");
        using var client = new CancellationTokenSource();
        var dial = _host.DialAsync(client.Token).AsTask();
        _host.Time.Advance(s_second * 29);

        Assert.That(StateOf(A), Is.EqualTo(isBusy ? UpstreamState.Busy : UpstreamState.Up));
        await client.CancelAsync();
        Assert.That(async () => await dial, Throws.InstanceOf<OperationCanceledException>());
    }

    [Test, Property("Pool", "POOL-3")]
    public async Task Probes_MtaIsSilentThatAnsweredLately_IsBusy()
    {
        _host = HostedPool.Start(Options(A), hasProbes: true, PlaysProbe);
        await PassAsync(s_second);
        _host.Network.Says(A, "");
        await UntilPassedAsync(() => _host.Network.Attempts.Count == 2, s_second * 15);
        await UntilPassedAsync(() => StateOf(A) != UpstreamState.Up, s_second * 6);

        Assert.That(StateOf(A), Is.EqualTo(UpstreamState.Busy));
    }

    // Several at a time: each is silent while another one has just been greeted.
    [TestCase(25), TestCase(6), TestCase(3)]
    [Property("Pool", "POOL-4")]
    public async Task DialAsync_MtaAlwaysTakesItsTimeToGreetMany_IsNeverBusy(int seconds)
    {
        Host(A);
        _host.Network.Says(A, "");
        var dials = new List<Task<UpstreamDialResult>>();
        for (var second = 0; second < 60; second++)
        {
            dials.Add(_host.DialAsync(CancellationToken.None).AsTask());
            if (second >= seconds)
                _host.Network.Connections.ElementAt(second - seconds).Say(Hello);
            _host.Time.Advance(s_second);
        }

        Assert.That((Lines, StateOf(A), _host.Network.Attempts.Count), Is.EqualTo(((string[])[], UpstreamState.Up, 60)));
        foreach (var connection in _host.Network.Connections.Skip(60 - seconds))
            connection.Say(Hello);
        foreach (var dial in dials)
            await (await dial).Connection!.DisposeAsync();
    }

    [Test, Property("Pool", "POOL-5")]
    public void Note_IsBack_GetsItsSessionsStepByStep()
    {
        Host(A, B);
        _host.Network.Says(B, Hello);
        Fail(A);
        var cluster = _host.Pool.ClusterOf("smtp");
        var a = cluster.DestinationsState.AllDestinations.Single(static one => one.DestinationId == A);
        for (var i = 0; i < MtaHealth.MostProbesInVain; i++)
            _host.Pool.Note(cluster, a, new(ProbeOutcomeKind.Failed, "Connection refused", TimeSpan.Zero), isProbe: true);
        Assert.That(LimitOf(A), Is.EqualTo(90));

        _host.Pool.Note(cluster, a, new(ProbeOutcomeKind.Good, "", TimeSpan.Zero), isProbe: true);

        Assert.That(LimitOf(A), Is.EqualTo(9));
        _host.Time.Advance(s_second * 10);
        Assert.That(LimitOf(A), Is.EqualTo(36));
        // Once more in vain: from the beginning.
        _host.Pool.Note(cluster, a, new(ProbeOutcomeKind.Failed, "Connection refused", TimeSpan.Zero), isProbe: true);
        Assert.That(LimitOf(A), Is.EqualTo(9));
        _host.Time.Advance(s_second * 29);
        Assert.That(LimitOf(A), Is.EqualTo(87));
        _host.Time.Advance(s_second);
        Assert.That((LimitOf(A), LimitOf(B)), Is.EqualTo((90, 90)));
    }

    [Test, Property("Pool", "POOL-7")]
    public async Task Drain_OneOfTwo_GetsNothingUntilItIsReady(CancellationToken cancellationToken)
    {
        Host(A, B);
        _host.Network.Says(A, Hello);
        _host.Network.Says(B, Hello);

        Assert.That(_host.Maintenance.Drain(A, "uid 0 (root)"), Is.True);
        await DialAsync(10, cancellationToken);
        Assert.That(_host.Network.Attempts, Is.All.EqualTo(B));
        _host.Snapshot.Replace(Options(A, B));
        await DialAsync(2, cancellationToken);
        Assert.That(_host.Network.Attempts, Is.All.EqualTo(B));
        Assert.That(_host.Maintenance.Pictures().Select(static picture => picture.State), Is.EqualTo([UpstreamState.Drain, UpstreamState.Up]));

        Assert.That(_host.Maintenance.Ready(A, "uid 0 (root)"), Is.True);
        await DialAsync(2, cancellationToken);
        Assert.That(_host.Network.Attempts, Has.Some.EqualTo(A));
        Assert.That(Lines, Is.EqualTo([$"upstream {A}: drain by uid 0 (root), 0 sessions", $"upstream {A}: ready by uid 0 (root)"]));
    }

    [Test, Property("Pool", "POOL-9"), Property("Pool", "SEAM-32")]
    public async Task Drain_TheLastOne_IsAsAllDown(CancellationToken cancellationToken)
    {
        Host(A);
        _host.Network.Says(A, Hello);
        var maintenance = _host.Maintenance;
        Assert.That((maintenance.Drain("nowhere:25", "x"), maintenance.Ready("nowhere:25", "x"), maintenance.Probe("nowhere:25")),
            Is.EqualTo((false, false, false)));
        _host.Maintenance.Drain(A, "x");

        Assert.That((await _host.DialAsync(cancellationToken)).Connection, Is.Null);
        Assert.That(_host.Network.Attempts, Is.Empty);
        _host.Maintenance.Ready(A, "x");
        await using var served = (await _host.DialAsync(cancellationToken)).Connection;
        Assert.That(served, Is.Not.Null);
    }

    /// <summary>Maintenance ends with the question whether it serves, before it gets clients.</summary>
    [Test, Property("Pool", "POOL-7"), Property("Operations", "J7")]
    public async Task Probe_OfOneThatWasTakenOut_SaysAtOnceWhetherItServesAndIsMadeOnce()
    {
        _host = HostedPool.Start(Options(A), hasProbes: true, PlaysProbe);
        await WhileItTakesAsync(() => _host.Network.Connections.Count == 1);
        _host.Maintenance.Drain(A, "x");
        Fail(A);
        for (var second = 0; second < 30; second++)
            await PassAsync(s_second);
        Assert.That((_host.Network.Attempts.Count, Picture.Reason), Is.EqualTo((1, "")), "nobody has asked");

        _host.Maintenance.Probe(A);
        await WhileItTakesAsync(() => Picture.Reason.Length > 0);
        for (var second = 0; second < 30; second++)
            await PassAsync(s_second);
        Assert.That((_host.Network.Attempts.Count, Picture.State, Picture.Reason), Is.EqualTo((2, UpstreamState.Drain, "Connection refused")));

        PlaysProbe(_host.Network);
        _host.Maintenance.Probe(A);
        await WhileItTakesAsync(() => Picture.Reason.Length == 0);
        Assert.That((_host.Network.Attempts.Count, Picture.State), Is.EqualTo((3, UpstreamState.Drain)));
    }

    [Test, Property("Pool", "POOL-10")]
    public async Task Probes_WithoutTraffic_OneEachTenSeconds()
    {
        _host = HostedPool.Start(Options(A), hasProbes: true, PlaysProbe);
        var at = new List<TimeSpan>();
        for (var step = 0; step < 600; step++)
        {
            await PassAsync(s_second / 10);
            if (at.Count < _host.Network.Attempts.Count)
                at.Add(_host.Time.Elapsed);
        }

        // One at once, because nothing is known of it.
        Assert.That(at.Count, Is.InRange(5, 7));
        Assert.That(at.Zip(at.Skip(1), static (one, next) => (next - one).TotalSeconds), Is.All.InRange(8.9, 12.6));
    }

    [Test, Property("Pool", "POOL-10")]
    public async Task Probes_WithTraffic_AreNotNeeded(CancellationToken cancellationToken)
    {
        _host = HostedPool.Start(Options(A), hasProbes: true, PlaysProbe);
        await PassAsync(s_second);
        Assert.That(_host.Network.Attempts.Count, Is.EqualTo(1), "the first probe");
        _host.Network.Attempts.Clear();
        for (var second = 0; second < 60; second++)
        {
            await DialAsync(1, cancellationToken);
            await PassAsync(s_second);
        }

        Assert.That(_host.Network.Attempts.Count, Is.EqualTo(60));
    }

    [TestCase(60, 2), TestCase(0, 0)]
    public async Task Probes_IntervalIsConfigured_IsKeptWhileItServes(int interval, int most)
    {
        var options = Options(A);
        _host = HostedPool.Start(options with { Upstream = options.Upstream with { ProbeInterval = s_second * interval } }, hasProbes: true, PlaysProbe);

        for (var second = 0; second < 100; second++)
            await PassAsync(s_second);

        Assert.That(_host.Network.Attempts.Count, Is.EqualTo(most));
    }

    [Test]
    public async Task Probes_NoneWhileItServes_StillFindOutThatItIsBack()
    {
        var options = Options(A);
        _host = HostedPool.Start(options with { Upstream = options.Upstream with { ProbeInterval = TimeSpan.Zero } }, hasProbes: true,
            static network => network.Fails(A, SocketError.ConnectionRefused));
        await DialAsync(1, CancellationToken.None);
        await UntilPassedAsync(() => StateOf(A) == UpstreamState.Down, s_second * 10);
        _host.Network.Plays(A, false, s_probe);

        await UntilPassedAsync(() => StateOf(A) == UpstreamState.Up, s_second * 5);

        Assert.That(StateOf(A), Is.EqualTo(UpstreamState.Up));
    }

    [Test, Property("Pool", "POOL-10"), Property("Pool", "SEAM-11")]
    public async Task Probes_LimitIsReached_AreLeftOut(CancellationToken cancellationToken)
    {
        _host = HostedPool.Start(Options(A) with { Upstream = Options(A).Upstream with { SessionLimit = 1, SessionReserve = 0 } }, hasProbes: true, PlaysProbe);
        // The first probe, and its end.
        await UntilPassedAsync(() => _host.Network.Connections.Count == 1, s_second * 5);
        _host.Network.Connections.Single().Say("", close: true);
        await Eventually.HoldsAsync(() => _host.Maintenance.SessionsAt(A) == 0, TimeSpan.FromSeconds(9), "the probe is over", cancellationToken);
        _host.Network.Attempts.Clear();
        await using var held = (await _host.DialAsync(cancellationToken)).Connection;

        for (var second = 0; second < 60; second++)
            await PassAsync(s_second);

        Assert.That((_host.Network.Attempts.Count, _host.Maintenance.Pictures().Single().State), Is.EqualTo((1, UpstreamState.Up)));
    }

    [Test, Property("Pool", "POOL-2")]
    public async Task Probes_OneIsSilentAndTheOtherComesBack_ItIsBackWithinFiveSeconds()
    {
        _host = HostedPool.Start(Options(A, B), hasProbes: true, static network =>
        {
            network.Says(A, "");
            network.Fails(B, SocketError.ConnectionRefused);
        });
        await UntilPassedAsync(() => StateOf(B) == UpstreamState.Down, s_second * 40);
        _host.Network.Plays(B, false, s_probe);

        var since = _host.Time.Elapsed;
        await UntilPassedAsync(() => StateOf(B) == UpstreamState.Up, s_second * 5);

        Assert.That(_host.Time.Elapsed - since, Is.AtMost(s_second * 5));
        Assert.That(_host.Pool.AvailableDestinationsOf("smtp"), Has.Some.EqualTo(B));
    }

    private IEnumerable<string> Lines => _host.Log.GetSnapshot().Where(static line => line.Id.Id is >= 1600 and < 1700).Select(static line => line.Message);

    private static ShieldOptions Options(params string[] destinations) => new()
    {
        Upstream = new()
        {
            // One client has as many as it likes: those that nobody closes count for two seconds.
            ClientShare = 0,
            Destinations = [.. destinations.Select(static text => new UpstreamAddress(
                text[..text.LastIndexOf(':')], int.Parse(text[(text.LastIndexOf(':') + 1)..], System.Globalization.CultureInfo.InvariantCulture)))],
        },
    };

    private static void PlaysProbe(ScriptedTransport network) => network.Plays(A, false, s_probe);

    private void Host(params string[] destinations) => _host = HostedPool.Start(Options(destinations));

    private void Fail(string destination) => _host.Network.Fails(destination, SocketError.ConnectionRefused);

    private int LimitOf(string destination) => _host.Maintenance.Pictures().Single(picture => picture.Name == destination).LimitInForce;

    private UpstreamStatus Picture => _host.Maintenance.Pictures().Single();

    private UpstreamState StateOf(string destination) => _host.Maintenance.Pictures().Single(picture => picture.Name == destination).State;

    private async Task DialAsync(int times, CancellationToken cancellationToken)
    {
        for (var i = 0; i < times; i++)
        {
            if ((await _host.DialAsync(cancellationToken)).Connection is { } connection)
                await connection.DisposeAsync();
        }
    }

    // YARP begins its rounds in the background; each round is armed again when it is over.
    private async Task StartedAsync()
    {
        while (_host.Time.NextDue is not { } due || due > s_second)
        {
            TestContext.CurrentContext.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private async Task PassAsync(TimeSpan time)
    {
        await StartedAsync();
        _host.Time.Advance(time);
        await StartedAsync();
    }

    // As long as threads need; how much of the clock's time it is does not matter.
    private async Task WhileItTakesAsync(Func<bool> condition)
    {
        while (!condition())
        {
            TestContext.CurrentContext.CancellationToken.ThrowIfCancellationRequested();
            await PassAsync(s_second);
        }
    }

    private async Task UntilPassedAsync(Func<bool> condition, TimeSpan atMost)
    {
        for (var end = _host.Time.Elapsed + atMost; !condition(); await PassAsync(s_second / 10))
            Assert.That(_host.Time.Elapsed, Is.LessThan(end));
    }
}
