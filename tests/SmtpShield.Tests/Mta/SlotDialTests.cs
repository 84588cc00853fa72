using System.Net;
using System.Net.Sockets;
using SmtpShield.Mta;
using SmtpShield.Mta.Slots;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta;

/// <summary>The MTA never sees more sessions than its limit, whatever they are of, and who finds none waits his turn.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), CancelAfter(30_000)]
internal sealed class SlotDialTests
{
    private const string A = "192.0.2.1:25";
    private const string B = "192.0.2.2:25";
    private const string C = "192.0.2.3:25";
    private const string Hello = "220 mx ESMTP\r\n";
    private HostedPool _host = null!;

    [TearDown]
    public async Task TearDown()
    {
        if (_host is not null)
            await _host.DisposeAsync();
    }

    [Test, Property("Pool", "P1")]
    public async Task DialAsync_LimitIsReached_WaitsUntilTheMtaHasClosedTheOtherOne(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var first = (await _host.DialAsync(cancellationToken)).Connection!;
        var second = _host.DialAsync(cancellationToken).AsTask();
        await first.DisposeAsync();

        Assert.That((second.IsCompleted, _host.Network.Attempts.Count, _host.Maintenance.SessionsAt(A)), Is.EqualTo((false, 1, 1)));
        _host.Network.Connections.Single().Say("", close: true);

        var connection = (await second).Connection!;
        Assert.That((_host.Network.Attempts.Count, _host.Maintenance.SessionsAt(A), _host.Time.Elapsed), Is.EqualTo((2, 1, TimeSpan.Zero)));
        await connection.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "P1")]
    public async Task DialAsync_MtaDoesNotClose_IsASecondLater(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var first = (await _host.DialAsync(cancellationToken)).Connection!;
        var second = _host.DialAsync(cancellationToken).AsTask();
        await first.DisposeAsync();

        _host.Time.Advance(UpstreamDeparture.Patience - TimeSpan.FromTicks(1));
        Assert.That(second.IsCompleted, Is.False);
        _host.Time.Advance(TimeSpan.FromTicks(1));

        await (await second).Connection!.DisposeAsync();
        AssertNothingLeft();
    }

    // Each answer to QUIT: that of an MTA that closes, of one that says something else or nothing, or never ends.
    [TestCase("221 2.0.0 Bye\r\n", true, 0), TestCase("221 2.0.0 Bye\r\n", false, 2), TestCase("", false, 2), TestCase("500 what?\r\n", false, 2)]
    [Property("Pool", "P7"), Property("Pool", "SEAM-9")]
    public async Task Quit_WhateverTheMtaSays_ComesToItsEnd(string answer, bool closes, int seconds)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var connection = (await _host.DialAsync(CancellationToken.None)).Connection!;
        connection.Quit();
        await connection.DisposeAsync();
        Assert.That(_host.Network.Connections.Single().Received, Is.EqualTo("QUIT\r\n"));

        _host.Network.Connections.Single().Say(answer, closes);

        // Time must not pass while the end of it is still on its way.
        if (closes)
            await UntilAsync(() => (_host.Maintenance.SessionsAt(A), _host.Time.ActiveTimers) == (0, 0));
        AssertNothingLeft();
        Assert.That(_host.Time.Elapsed, Is.EqualTo(TimeSpan.FromSeconds(seconds)));
    }

    [Test, Property("Pool", "SEAM-9")]
    public async Task Quit_MtaTalksWithoutEnd_IsNotListenedToForEver(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var connection = (await _host.DialAsync(cancellationToken)).Connection!;
        connection.Quit();

        var mta = _host.Network.Connections.Single();
        mta.Say("500 what?\r\n".PadRight(3 << 20, '.'));

        AssertNothingLeft();
    }

    [Test, Property("Pool", "FAIR-5")]
    public async Task DialAsync_QueueTimeIsOver_SaysSoAndDialsNobody(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var first = (await _host.DialAsync(cancellationToken)).Connection!;
        var second = _host.DialAsync(cancellationToken).AsTask();

        _host.Time.Advance(TimeSpan.FromSeconds(30) - TimeSpan.FromTicks(1));
        Assert.That(second.IsCompleted, Is.False);
        _host.Time.Advance(TimeSpan.FromTicks(1));

        var result = await second;
        Assert.That((result.Connection, result.Failures.Count, result.QueueTimedOut, result.IsBusy, _host.Network.Attempts.Count),
            Is.EqualTo(((UpstreamConnection?)null, 0, true, true, 1)));
        Assert.That(first.Slot.Slots.Waiting, Is.Zero);
        await first.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "SEAM-12")]
    public async Task DialAsync_HasWaited_TheMtaHasItsWholeTimeToGreet(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var first = (await _host.DialAsync(cancellationToken)).Connection!;
        _host.Network.Says(A, "");
        var second = _host.DialAsync(cancellationToken).AsTask();
        _host.Time.Advance(TimeSpan.FromSeconds(28));
        await first.DisposeAsync();
        _host.Network.Connections.First().Say("", close: true);
        await UntilAsync(() => _host.Network.Connections.Count == 2);

        _host.Time.Advance(TimeSpan.FromSeconds(29));
        _host.Network.Connections.Last().Say(Hello);

        await (await second).Connection!.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "FAIR-6"), Property("Pool", "SEAM-4")]
    public async Task DialAsync_ClientHasGoneWhileItWaits_LeavesTheQueueAtOnce(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var first = (await _host.DialAsync(cancellationToken)).Connection!;
        using var gone = new CancellationTokenSource();
        var second = _host.DialAsync(cancellationToken, client: "198.51.100.8", gone: gone).AsTask();
        var third = _host.DialAsync(cancellationToken, client: "198.51.100.9").AsTask();
        Assert.That(first.Slot.Slots.Waiting, Is.EqualTo(2));

        await gone.CancelAsync();

        Assert.That(async () => await second, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(first.Slot.Slots.Waiting, Is.EqualTo(1));
        first.Quit();
        _host.Network.Connections.Single().Say("", close: true);
        await (await third).Connection!.DisposeAsync();
        Assert.That(_host.Network.Attempts.Count, Is.EqualTo(2));
        AssertNothingLeft();
    }

    [Test, Property("Pool", "SEAM-31")]
    public async Task DialAsync_PlaceIsThatOfOneThatWasDrainedMeanwhile_GoesToTheOther(CancellationToken cancellationToken)
    {
        Host(limit: 1, A, B);
        _host.Network.Says(A, Hello);
        _host.Network.Says(B, Hello);
        var first = (await _host.DialAsync(cancellationToken)).Connection!;
        var second = (await _host.DialAsync(cancellationToken, client: "198.51.100.8")).Connection!;
        var third = _host.DialAsync(cancellationToken, client: "198.51.100.9").AsTask();
        // Those who wait have not heard of it yet.
        _host.Pool.DestinationOf(_host.Pool.ClusterOf("smtp").DestinationsState.AllDestinations.Single(one => one.DestinationId == first.Destination))
            .Drain(isDrained: true);
        first.Quit();
        _host.Network.Connections.First().Say("", close: true);
        second.Quit();
        _host.Network.Connections.ElementAt(1).Say("", close: true);

        var connection = (await third).Connection!;
        Assert.That(connection.Destination, Is.EqualTo(second.Destination));
        await connection.DisposeAsync();
    }

    [Test]
    public async Task DialAsync_ClientHasGoneWhileTheMtaIsDialed_GoesOn(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, "");
        using var gone = new CancellationTokenSource();
        var dial = _host.DialAsync(cancellationToken, gone: gone).AsTask();
        await gone.CancelAsync();
        _host.Network.Connections.Single().Say(Hello);

        await (await dial).Connection!.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "SEAM-27")]
    public async Task DialAsync_ThousandsWaitAndAllGo_NobodyIsDialed(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var first = (await _host.DialAsync(cancellationToken)).Connection!;
        using var gone = new CancellationTokenSource();
        var dials = Enumerable.Range(0, 5000)
            .Select(number => _host.DialAsync(cancellationToken, client: $"10.0.{number >> 8}.{number & 255}", gone: gone).AsTask()).ToArray();
        Assert.That(first.Slot.Slots.Waiting, Is.EqualTo(5000));

        await gone.CancelAsync();

        foreach (var dial in dials)
            Assert.That(async () => await dial, Throws.InstanceOf<OperationCanceledException>());
        Assert.That((first.Slot.Slots.Waiting, first.Slot.Slots.Ranges, _host.Network.Attempts.Count), Is.EqualTo((0, 1, 1)));
        await first.DisposeAsync();
        AssertNothingLeft();
    }

    [Test]
    public async Task DialAsync_OneIsFull_TheOtherServes(CancellationToken cancellationToken)
    {
        Host(limit: 2, A, B);
        _host.Network.Says(A, Hello);
        _host.Network.Says(B, Hello);

        var connections = new List<UpstreamConnection>();
        for (var i = 0; i < 4; i++)
            connections.Add((await _host.DialAsync(cancellationToken, client: $"198.51.100.{i}")).Connection!);
        var waiting = _host.DialAsync(cancellationToken, client: "198.51.100.99").AsTask();

        Assert.That(connections.GroupBy(static connection => connection.Destination).Select(static group => group.Count()), Is.EqualTo([2, 2]));
        Assert.That(waiting.IsCompleted, Is.False);
        // Any of them.
        var freed = connections[2].Destination;
        await connections[2].DisposeAsync();
        _host.Time.Advance(UpstreamDeparture.Patience);
        var served = (await waiting).Connection!;
        Assert.That(served.Destination, Is.EqualTo(freed));
        foreach (var connection in connections.Append(served))
            await connection.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "FAIR-13")]
    public async Task DialAsync_TwoServicesAtOneDestination_ShareItsLimit(CancellationToken cancellationToken)
    {
        var smtp = Options(limit: 2, A);
        _host = HostedPool.Start(smtp with { Services = new Dictionary<string, ShieldOptions> { ["smtp"] = smtp, ["submission"] = smtp } });
        _host.Network.Says(A, Hello);
        var first = (await _host.DialAsync(cancellationToken, "smtp")).Connection!;
        var second = (await _host.DialAsync(cancellationToken, "submission")).Connection!;
        var waiting = new[] { _host.DialAsync(cancellationToken, "smtp").AsTask(), _host.DialAsync(cancellationToken, "submission").AsTask() };

        Assert.That((_host.Network.Attempts.Count, waiting.Any(static dial => dial.IsCompleted)), Is.EqualTo((2, false)));
        await first.DisposeAsync();
        await second.DisposeAsync();
        _host.Time.Advance(UpstreamDeparture.Patience);
        foreach (var dial in waiting)
            await (await dial).Connection!.DisposeAsync();
        AssertNothingLeft();
    }

    [Test]
    public async Task DialAsync_NoLimit_NobodyWaits(CancellationToken cancellationToken)
    {
        Host(limit: 0, A);
        _host.Network.Says(A, Hello);

        var connections = new List<UpstreamConnection>();
        for (var i = 0; i < 200; i++)
            connections.Add((await _host.DialAsync(cancellationToken)).Connection!);

        Assert.That(_host.Maintenance.SessionsAt(A), Is.EqualTo(200));
        foreach (var connection in connections)
            await connection.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "FAIR-12")]
    public async Task Replace_HigherLimit_ThoseWhoWaitGetTheirsAtOnce(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var first = (await _host.DialAsync(cancellationToken)).Connection!;
        var second = _host.DialAsync(cancellationToken, client: "198.51.100.8").AsTask();
        var third = _host.DialAsync(cancellationToken, client: "198.51.100.9").AsTask();

        _host.Snapshot.Replace(Options(limit: 2, A));
        await using var served = (await Task.WhenAny(second, third)).Result.Connection!;
        Assert.That((_host.Network.Attempts.Count, _host.Maintenance.SessionsAt(A)), Is.EqualTo((2, 2)));

        // A lower one ends no session.
        _host.Snapshot.Replace(Options(limit: 1, A));
        await first.DisposeAsync();
        _host.Time.Advance(UpstreamDeparture.Patience);
        Assert.That(_host.Network.Attempts.Count, Is.EqualTo(2));
        _host.Snapshot.Replace(Options(limit: 0, A));
        await (await second).Connection!.DisposeAsync();
        await (await third).Connection!.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "SEAM-45")]
    public async Task DialAsync_OutOfFileDescriptors_TheNextOneGetsTheSlot(CancellationToken cancellationToken)
    {
        Host(limit: 1, A, B);
        _host.Network.Says(A, Hello);
        _host.Network.Says(B, Hello);
        var held = new[] { (await _host.DialAsync(cancellationToken)).Connection!, (await _host.DialAsync(cancellationToken)).Connection! };
        var unlucky = _host.DialAsync(cancellationToken, client: "198.51.100.8").AsTask();
        var next = _host.DialAsync(cancellationToken, client: "198.51.100.9").AsTask();
        _host.Network.Fails(A, SocketError.TooManyOpenSockets);
        _host.Network.Fails(B, SocketError.TooManyOpenSockets);
        await held.First(static connection => connection.Destination == A).DisposeAsync();
        // In the background: under load its wait may begin only now.
        _host.Time.LetConnectionsEnd(() => _host.Network.Attempts.Count >= 3);
        await UntilAsync(() => unlucky.IsCompleted || _host.Network.Attempts.Count > 3);

        // Nobody is blamed for it: when there is room again, all goes on.
        Assert.That(_host.Pool.AvailableDestinationsOf("smtp"), Is.EquivalentTo([A, B]));
        _host.Network.Says(A, Hello);
        _host.Network.Says(B, Hello);
        await held.First(static connection => connection.Destination == B).DisposeAsync();
        var results = new List<UpstreamDialResult>();
        // Both may be left with the same MTA: the second one's time to wait is over then.
        _host.Time.LetWaitsEnd(() => unlucky.IsCompleted && next.IsCompleted);
        foreach (var result in new[] { await unlucky, await next })
        {
            if (result.Connection is { } connection)
                await connection.DisposeAsync();
        }

        AssertNothingLeft();
    }

    [Test, Property("Pool", "P1")]
    public async Task DialAsync_AddressesOfANameFail_TheLimitHoldsForAllOfThem(CancellationToken cancellationToken)
    {
        Host(limit: 1, "mx:25");
        _host.Network.Names["mx"] = [IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2"), IPAddress.Parse("192.0.2.3")];
        _host.Network.Fails(A, SocketError.ConnectionRefused);
        _host.Network.Says(B, "what?\r\n");
        _host.Network.Says(C, Hello);

        var dial = _host.DialAsync(cancellationToken).AsTask();

        // The second one has a connection until a second has passed, or it has closed.
        await UntilAsync(() => _host.Network.Attempts.Count == 2);
        Assert.That((dial.IsCompleted, _host.Maintenance.SessionsAt("mx:25")), Is.EqualTo((false, 1)));
        _host.Time.LetConnectionsEnd(() => dial.IsCompleted);
        var result = await dial;
        Assert.That((result.Failures.Count, _host.Network.Attempts.Last(), _host.Maintenance.SessionsAt("mx:25")), Is.EqualTo((2, C, 1)));
        await result.Connection!.DisposeAsync();
        _host.Time.LetConnectionsEnd(() => _host.Maintenance.SessionsAt("mx:25") == 0);
    }

    [Test, Property("Pool", "P7")]
    public async Task DialAsync_MtaIsNoneToUse_IsLeftPolitely(CancellationToken cancellationToken)
    {
        _host = HostedPool.Start(Options(limit: 1, A) with
        {
            Smtpd = new() { MyHostname = "mail.example.com" },
            Upstream = Options(limit: 1, A).Upstream with { ClientHandoff = ClientHandoff.Xclient },
        });
        _host.Network.Plays(A, false, "S: 220 mx", "C: EHLO mail.example.com", "S: 250 mx", "C: QUIT", "S: 221 bye");

        var result = await _host.DialAsync(cancellationToken);

        Assert.That(result.Failures.Single().Reason, Is.EqualTo("does not offer XCLIENT (smtpd_authorized_xclient_hosts)"));
        AssertNothingLeft();
        Assert.That(_host.Network.Connections.Single().Mismatch, Is.Null);
        Assert.That(_host.Network.Connections.Single().Received, Is.EqualTo("EHLO mail.example.com\r\nQUIT\r\n"));
    }

    [Test]
    public async Task ProbeAsync_LimitIsReached_CountsAndWaitsAsAnybody(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var first = (await _host.DialAsync(cancellationToken)).Connection!;
        _host.Network.Plays(A, false, "S: 220 mx", "C: EHLO localhost.localdomain", "S: 250 mx", "C: QUIT", "S: 221 bye");
        var probe = _host.ProbeAsync(A, cancellationToken).AsTask();
        Assert.That((probe.IsCompleted, _host.Network.Attempts.Count), Is.EqualTo((false, 1)));

        await first.DisposeAsync();
        _host.Time.Advance(UpstreamDeparture.Patience);

        Assert.That((await probe).Ehlo?.Code, Is.EqualTo(250));
        AssertNothingLeft();
    }

    [Test, Property("Pool", "FAIR-7")]
    public async Task DialAsync_SomebodyWaits_WhoCanGiveUpASessionIsAsked(CancellationToken cancellationToken)
    {
        Host(limit: 1, A);
        _host.Network.Says(A, Hello);
        var woken = new TaskCompletionSource();
        var first = (await _host.DialAsync(cancellationToken, wake: () => woken.TrySetResult())).Connection!;
        first.Slot.Note(SlotUse.Kept, _host.Time.GetTimestamp());
        var second = _host.DialAsync(cancellationToken, client: "198.51.100.8").AsTask();
        Assert.That(first.Slot.Demand, Is.EqualTo(SlotDemand.None));

        first.Slot.Note(SlotUse.Releasable, _host.Time.GetTimestamp());
        _host.Time.Advance(LongWaits.Step);

        await woken.Task.WaitAsync(cancellationToken);
        Assert.That(first.Slot.Demand, Is.EqualTo(SlotDemand.Release));
        first.Quit();
        _host.Network.Connections.Single().Say("221 bye\r\n", close: true);
        await (await second).Connection!.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "FAIR-1"), Property("Pool", "SEAM-47")]
    public async Task NoteMessage_RangeWaits_IsKnownGoodFromThenOn(CancellationToken cancellationToken)
    {
        Host(Options(limit: 2, A) with { Upstream = Options(limit: 2, A).Upstream with { SessionReserve = 1 } });
        _host.Network.Says(A, Hello);
        var unknown = (await _host.DialAsync(cancellationToken)).Connection!;
        var waiting = _host.DialAsync(cancellationToken, client: "198.51.100.8").AsTask();
        Assert.That(waiting.IsCompleted, Is.False);

        _host.Pool.NoteMessage(SmtpShield.Clients.ClientRange.Of(IPAddress.Parse("198.51.100.8"), 32, 84), accepted: 3, refused: 0);

        var good = (await waiting).Connection!;
        Assert.That((unknown.Slot.Standing, good.Slot.Standing), Is.EqualTo((ClientStanding.Unknown, ClientStanding.Good)));
        await unknown.DisposeAsync();
        await good.DisposeAsync();
        AssertNothingLeft();
    }

    private static ShieldOptions Options(int limit, params string[] destinations) => new()
    {
        Upstream = new()
        {
            SessionLimit = limit,
            SessionReserve = 0,
            Destinations = [.. destinations.Select(static text => new UpstreamAddress(
                text[..text.LastIndexOf(':')], int.Parse(text[(text.LastIndexOf(':') + 1)..], System.Globalization.CultureInfo.InvariantCulture)))],
        },
    };

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            TestContext.CurrentContext.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private void Host(int limit, params string[] destinations) => Host(Options(limit, destinations));

    private void Host(ShieldOptions options) => _host = HostedPool.Start(options);

    private void AssertNothingLeft()
    {
        // The wait for a slot disposes its timer behind the dial that it wakes.
        _host.Time.LetConnectionsEnd(() => (_host.Maintenance.SessionsAt(A), _host.Maintenance.SessionsAt(B), _host.Time.ActiveTimers) == (0, 0, 0));
        Assert.That(_host.Network.Connections.Select(static connection => connection.Disposals), Is.All.EqualTo(1));
    }
}
