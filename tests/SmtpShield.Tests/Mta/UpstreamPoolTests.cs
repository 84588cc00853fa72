using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SmtpShield.Mta;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta;

/// <summary>The pool as it is hosted, YARP and Polly included, on a scripted network and a clock that stands still.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), CancelAfter(10_000)]
internal sealed class UpstreamPoolTests
{
    private const string A = "192.0.2.1:25";
    private const string B = "192.0.2.2:25";
    private const string C = "192.0.2.3:25";
    private const string Hello = "220 mx ESMTP\r\n";
    private readonly ScriptedTransport _network = new();
    private readonly FakeTimeProvider _time = new();
    private ShieldSnapshot _snapshot = null!;
    private WebApplication _application = null!;
    private UpstreamPool _pool = null!;

    private IEnumerable<string> Available => _pool.AvailableDestinationsOf("smtp");

    [TearDown]
    public async Task TearDown()
    {
        if (_application is not null)
            await _application.DisposeAsync();
    }

    [Test]
    public async Task DialAsync_Greets_ConnectionWithGreeting(CancellationToken cancellationToken)
    {
        Host(A);
        _network.Says(A, "220-mx\n220 ESMTP\n250 behind");

        var result = await DialAsync(cancellationToken);

        await using var connection = result.Connection;
        Assert.That(Encoding.ASCII.GetString(connection!.Greeting.Span), Is.EqualTo("220-mx\r\n220 ESMTP\r\n"));
        Assert.That((connection.GreetingCode, connection.Destination, result.GreetingTimedOut), Is.EqualTo((220, A, false)));
        Assert.That(result.Failures, Is.SameAs(Array.Empty<UpstreamFailure>()));
        Assert.That(connection.Transport.Input.TryRead(out var rest) ? Encoding.ASCII.GetString(rest.Buffer) : null, Is.EqualTo("250 behind"));
        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task DialAsync_SeveralDestinations_RoundRobin(CancellationToken cancellationToken)
    {
        Host(A, B, C);
        foreach (var destination in (string[])[A, B, C])
            _network.Says(destination, Hello);

        for (var i = 0; i < 6; i++)
            await using (var connection = (await DialAsync(cancellationToken)).Connection)
                Assert.That(connection, Is.Not.Null);

        Assert.That(_network.Attempts.Take(3), Is.Unique.And.EqualTo(_network.Attempts.Skip(3)));
    }

    [TestCase(SocketError.ConnectionRefused, "Connection refused")]
    [TestCase(SocketError.TimedOut, "Connection timed out")]
    [TestCase(SocketError.HostUnreachable, "No route to host")]
    [TestCase(SocketError.NetworkUnreachable, "Network is unreachable")]
    [TestCase(SocketError.NotConnected, "lost connection")]
    [TestCase(SocketError.ConnectionReset, "lost connection")]
    public async Task DialAsync_OnlyDestinationFails_OneTryWithReason(SocketError error, string reason, CancellationToken cancellationToken)
    {
        Host(A);
        _network.Fails(A, error);

        var result = await DialAsync(cancellationToken);

        Assert.That((result.Connection, result.GreetingTimedOut), Is.EqualTo(((UpstreamConnection?)null, false)));
        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure(A, reason)]));
        AssertNothingLeft();
    }

    [TestCase("", "lost connection")]
    [TestCase("220-mx\r\n220", "lost connection")]
    [TestCase("SSH-2.0-x\r\n", "malformed greeting")]
    public async Task DialAsync_BadGreetingAndClose_Fails(string greeting, string reason, CancellationToken cancellationToken)
    {
        Host(A);
        _network.SaysAndCloses(A, greeting);

        var result = await DialAsync(cancellationToken);

        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure(A, reason)]));
        AssertNothingLeft();
    }

    [Test]
    public async Task DialAsync_EndlessGreeting_Malformed(CancellationToken cancellationToken)
    {
        Host(A);
        _network.Says(A, "220 ".PadRight(5000, 'x'));

        var result = await DialAsync(cancellationToken);

        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure(A, "malformed greeting")]));
        AssertNothingLeft();
    }

    [Test]
    public async Task DialAsync_SomeFail_NextOneServesAndFailuresAreInOrder(CancellationToken cancellationToken)
    {
        Host(A, B, C);
        _network.Fails(A, SocketError.ConnectionRefused);
        _network.Fails(B, SocketError.ConnectionRefused);
        _network.Says(C, Hello);

        // Wherever the round robin starts, the third of three dials in a row has found out.
        var result = await DialAsync(cancellationToken);
        await result.Connection!.DisposeAsync();

        var tried = _network.Attempts.ToArray();
        Assert.That(result.Connection.Destination, Is.EqualTo(C));
        Assert.That(tried, Is.Unique);
        Assert.That(result.Failures.Select(failure => failure.Destination), Is.EqualTo(tried[..^1]));
    }

    [Test]
    public async Task DialAsync_AllFail_EachTriedOnce(CancellationToken cancellationToken)
    {
        Host(A, B, C);
        foreach (var destination in (string[])[A, B, C])
            _network.Fails(destination, SocketError.ConnectionRefused);

        var result = await DialAsync(cancellationToken);

        Assert.That(result.Connection, Is.Null);
        Assert.That(_network.Attempts, Is.EquivalentTo([A, B, C]));
        Assert.That(_time.Elapsed, Is.EqualTo(TimeSpan.Zero));
        AssertNothingLeft(marked: 3);
    }

    [Test]
    public async Task DialAsync_ConnectHangs_NextAfterConnectTimeout(CancellationToken cancellationToken)
    {
        Host(A);
        _network.Hangs(A);

        var dial = DialAsync(cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromTicks(1));
        Assert.That(dial.IsCompleted, Is.False);
        _time.Advance(TimeSpan.FromTicks(1));

        Assert.That((await dial).Failures, Is.EqualTo([new UpstreamFailure(A, "Connection timed out")]));
        AssertNothingLeft();
    }

    [Test]
    public async Task DialAsync_OnlyDestinationSilent_GetsTheWholeTime(CancellationToken cancellationToken)
    {
        Host(A);
        _network.Says(A, "220-mx\r\n");

        var dial = DialAsync(cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(30) - TimeSpan.FromTicks(1));
        Assert.That(dial.IsCompleted, Is.False);
        _time.Advance(TimeSpan.FromTicks(1));

        var result = await dial;
        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure(A, "no greeting within 30s")]));
        Assert.That(result.GreetingTimedOut, Is.True);
        AssertNothingLeft();
    }

    [Test]
    public async Task DialAsync_SilentOfTwo_HalfTheTimeThenTheOther(CancellationToken cancellationToken)
    {
        Host(A, B);
        _network.Says(A, "");
        _network.Says(B, "");

        var dial = DialAsync(cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(15));
        await UntilAsync(() => _network.Attempts.Count == 2);
        var second = _network.Attempts.Last();
        _network.Connections.Last().Say(Hello);

        var result = await dial;
        Assert.That(result.Failures.Select(failure => failure.Reason), Is.EqualTo(["no greeting within 15s"]));
        Assert.That(result.Connection!.Destination, Is.EqualTo(second));
        Assert.That(result.GreetingTimedOut, Is.False);
        await result.Connection.DisposeAsync();
        AssertNothingLeft(marked: 1);
    }

    [Test]
    public async Task DialAsync_AllSilent_BoundedInTotal(CancellationToken cancellationToken)
    {
        Host(A, B);
        _network.Says(A, "");
        _network.Says(B, "");

        var dial = DialAsync(cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(15));
        await UntilAsync(() => _network.Attempts.Count == 2);
        _time.Advance(TimeSpan.FromSeconds(15));

        var result = await dial;
        Assert.That(result.Failures.Select(failure => failure.Reason), Is.EqualTo(["no greeting within 15s", "no greeting within 15s"]));
        Assert.That(result.GreetingTimedOut, Is.True);
    }

    [Test]
    public async Task DialAsync_SilentThenRefused_IsNotAFullMta(CancellationToken cancellationToken)
    {
        Host("mx:25");
        _network.Names["mx"] = [IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2")];
        _network.Says(A, "");
        _network.Fails(B, SocketError.ConnectionRefused);

        var dial = DialAsync(cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(15));

        var result = await dial;
        Assert.That(result.GreetingTimedOut, Is.False);
        Assert.That(result.Failures.Select(failure => failure.ToString()),
            Is.EqualTo(["mx[192.0.2.1]:25: no greeting within 15s", "mx[192.0.2.2]:25: Connection refused"]));
    }

    [Test]
    public async Task DialAsync_Name_EveryAddressIsTried(CancellationToken cancellationToken)
    {
        Host("mx:25");
        _network.Names["mx"] = [IPAddress.IPv6Loopback, IPAddress.Parse("192.0.2.2")];
        _network.Fails("[::1]:25", SocketError.ConnectionRefused);
        _network.Says(B, Hello);

        var result = await DialAsync(cancellationToken);
        await using var connection = result.Connection;

        Assert.That(_network.Attempts, Is.EqualTo(["[::1]:25", B]));
        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure("mx:25", "Connection refused", IPAddress.IPv6Loopback)]));
        Assert.That((connection!.Destination, SessionsAt("mx:25")), Is.EqualTo(("mx:25", 1)));
    }

    [Test]
    public async Task DialAsync_UnknownName_HostNotFound(CancellationToken cancellationToken)
    {
        Host("nowhere:25");

        var result = await DialAsync(cancellationToken);

        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure("nowhere:25", "Host not found")]));
    }

    [Test]
    public async Task DialAsync_Ipv6Destination_IsDialed(CancellationToken cancellationToken)
    {
        Host("[2001:db8::1]:2525");
        _network.Says("[2001:db8::1]:2525", Hello);

        await using var connection = (await DialAsync(cancellationToken)).Connection;

        Assert.That(connection!.Destination, Is.EqualTo("[2001:db8::1]:2525"));
    }

    [Test]
    public async Task DialAsync_NoDestination_NothingToReport(CancellationToken cancellationToken)
    {
        Host();

        var result = await DialAsync(cancellationToken);

        Assert.That((result.Connection, result.Failures.Count), Is.EqualTo(((UpstreamConnection?)null, 0)));
    }

    [Test]
    public async Task DialAsync_OneSays421_NextIsTried(CancellationToken cancellationToken)
    {
        Host(A, B);
        _network.Says(A, "421 4.3.2 full\u0007\r\n");
        _network.Says(B, Hello);

        UpstreamDialResult result;
        do
        {
            result = await DialAsync(cancellationToken);
            await result.Connection!.DisposeAsync();
        }
        while (result.Failures.Count == 0);

        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure(A, "refused to talk to me: 421 4.3.2 full?")]));
        Assert.That(result.Connection.Destination, Is.EqualTo(B));
        AssertNothingLeft();
    }

    [Test]
    public async Task DialAsync_AllSay421_LastOnesGreetingIsReturned(CancellationToken cancellationToken)
    {
        Host(A, B);
        _network.Says(A, "421 full\r\n");
        _network.Says(B, "421 full\r\n");

        var result = await DialAsync(cancellationToken);
        await using var connection = result.Connection;

        Assert.That((connection!.GreetingCode, result.Failures.Count, result.GreetingTimedOut), Is.EqualTo((421, 1, false)));
    }

    [Test]
    public async Task DialAsync_Other4xxOr5xx_IsTheMtasAnswer(CancellationToken cancellationToken)
    {
        Host(A, B);
        _network.Says(A, "554 no\r\n");
        _network.Says(B, "554 no\r\n");

        await using var connection = (await DialAsync(cancellationToken)).Connection;

        Assert.That((connection!.GreetingCode, _network.Attempts.Count), Is.EqualTo((554, 1)));
    }

    [Test]
    public async Task DialAsync_Failed_PassedOverUntilReactivation(CancellationToken cancellationToken)
    {
        Host(A, B);
        _network.Fails(A, SocketError.ConnectionRefused);
        _network.Says(B, Hello);
        await DialUntilFailureAsync(cancellationToken);
        await UntilAsync(() => Available.SequenceEqual([B]));

        _network.Attempts.Clear();
        for (var i = 0; i < 4; i++)
            await (await DialAsync(cancellationToken)).Connection!.DisposeAsync();
        Assert.That(_network.Attempts, Is.EqualTo([B, B, B, B]));

        _time.Advance(TimeSpan.FromSeconds(30) - TimeSpan.FromTicks(1));
        Assert.That(Available, Is.EqualTo([B]));
        _time.Advance(TimeSpan.FromTicks(1));
        await UntilAsync(() => Available.Count() == 2);
    }

    [Test]
    public async Task DialAsync_AvailableFailsToo_PassedOverOneIsTheLastResort(CancellationToken cancellationToken)
    {
        Host(A, B);
        _network.Fails(A, SocketError.ConnectionRefused);
        _network.Says(B, Hello);
        await DialUntilFailureAsync(cancellationToken);
        await UntilAsync(() => Available.SequenceEqual([B]));
        _network.Says(A, Hello);
        _network.Fails(B, SocketError.ConnectionRefused);
        _network.Attempts.Clear();

        var result = await DialAsync(cancellationToken);
        await result.Connection!.DisposeAsync();

        Assert.That(_network.Attempts, Is.EqualTo([B, A]));
        // A answers again, so it is back without waiting for its reactivation.
        await UntilAsync(() => Available.SequenceEqual([A]));
    }

    [Test]
    public async Task DialAsync_OnlyDestination_IsNeverMarked(CancellationToken cancellationToken)
    {
        Host(A);
        _network.Fails(A, SocketError.ConnectionRefused);

        await DialAsync(cancellationToken);

        AssertNothingLeft(marked: 0);
    }

    [Test]
    public async Task DialAsync_OutOfFileDescriptors_DestinationIsNotBlamed(CancellationToken cancellationToken)
    {
        Host(A, B);
        _network.Fails(A, SocketError.TooManyOpenSockets);
        _network.Fails(B, SocketError.TooManyOpenSockets);

        await DialAsync(cancellationToken);

        AssertNothingLeft(marked: 0);
    }

    [Test]
    public async Task DialAsync_CancelledWhileConnecting_NothingLeft()
    {
        Host(A, B);
        _network.Hangs(A);
        _network.Hangs(B);
        using var client = new CancellationTokenSource();

        var dial = DialAsync(client.Token);
        await client.CancelAsync();

        Assert.That(async () => await dial, Throws.InstanceOf<OperationCanceledException>());
        AssertNothingLeft();
        Assert.That(Available.Count(), Is.EqualTo(2));
    }

    [Test]
    public async Task DialAsync_CancelledWhileWaitingForGreeting_NothingLeft()
    {
        Host(A);
        _network.Says(A, "220-");
        using var client = new CancellationTokenSource();

        var dial = DialAsync(client.Token);
        Assert.That(SessionsAt(A), Is.EqualTo(1));
        await client.CancelAsync();

        Assert.That(async () => await dial, Throws.InstanceOf<OperationCanceledException>());
        AssertNothingLeft();
    }

    [Test]
    public async Task Dispose_Twice_ReleasesOnce(CancellationToken cancellationToken)
    {
        Host(A);
        _network.Says(A, Hello);
        var first = (await DialAsync(cancellationToken)).Connection!;
        var second = (await DialAsync(cancellationToken)).Connection!;
        Assert.That(SessionsAt(A), Is.EqualTo(2));

        await first.DisposeAsync();
        await first.DisposeAsync();
        first.Quit();
        Assert.That(SessionsAt(A), Is.EqualTo(2));
        _time.LetConnectionsEnd(() => SessionsAt(A) == 1);

        await second.DisposeAsync();
        AssertNothingLeft();
    }

    [Test]
    public async Task Replace_OtherDestinations_NextDialUsesThemAndSessionsStay(CancellationToken cancellationToken)
    {
        Host(A);
        _network.Says(A, Hello);
        _network.Says(B, Hello);
        var before = (await DialAsync(cancellationToken)).Connection!;
        var slots = before.Slot.Slots;

        for (var round = 0; round < 3; round++)
        {
            Replace(B);
            await UntilAsync(() => Available.SequenceEqual([B]));
            Replace(A);
            await UntilAsync(() => Available.SequenceEqual([A]));
        }

        Replace(B);
        await UntilAsync(() => Available.SequenceEqual([B]));
        var after = (await DialAsync(cancellationToken)).Connection!;

        Assert.That((after.Destination, slots.Used, SessionsAt(B)), Is.EqualTo((B, 1, 1)));
        Assert.That(_network.Connections.First().Disposals, Is.Zero);
        await before.DisposeAsync();
        await after.DisposeAsync();
        _time.LetConnectionsEnd(() => slots.Used == 0);
        AssertNothingLeft();
    }

    [Test]
    public async Task Replace_Timeouts_CountForTheNextDial(CancellationToken cancellationToken)
    {
        Host(A);
        _network.Says(A, "");
        _snapshot.Replace(Options([A]) with { Upstream = Options([A]).Upstream with { GreetingTimeout = TimeSpan.FromSeconds(7) } });

        var dial = DialAsync(cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(7));

        Assert.That((await dial).Failures.Select(failure => failure.Reason), Is.EqualTo(["no greeting within 7s"]));
    }

    [Test]
    public async Task Replace_SameDestinations_KeepsTheirHealth(CancellationToken cancellationToken)
    {
        Host(A, B);
        _network.Fails(A, SocketError.ConnectionRefused);
        _network.Says(B, Hello);
        await DialUntilFailureAsync(cancellationToken);
        await UntilAsync(() => Available.SequenceEqual([B]));

        Replace(A, B, C);
        await UntilAsync(() => _pool.DestinationsOf("smtp").Count() == 3);

        Assert.That(Available, Is.EquivalentTo([B, C]));
    }

    [Test]
    public void DialAsync_NotMapped_SaysWhatIsMissing()
    {
        Host(A);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddSingleton(_snapshot).AddUpstream();
        using var notMapped = builder.Services.BuildServiceProvider();

        Assert.That(
            async () => await notMapped.GetRequiredService<UpstreamPool>()
                .DialAsync("smtp", _snapshot.Current, Client, static () => { }, CancellationToken.None, CancellationToken.None),
            Throws.InvalidOperationException.With.Message.Contains("MapUpstream"));
    }

    private static UpstreamClient Client { get; } = new(new(new(IPAddress.Parse("198.51.100.7"), 40000)), new(IPAddress.Parse("203.0.113.1"), 25));

    private static ShieldOptions Options(string[] destinations) => new()
    {
        Upstream = new UpstreamOptions { Destinations = [.. destinations.Select(Address)] },
    };

    private static UpstreamAddress Address(string text) =>
        new(text[..text.LastIndexOf(':')].Trim('[', ']'), int.Parse(text[(text.LastIndexOf(':') + 1)..], System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>For what YARP does in the background: the test's own <c>CancelAfter</c> ends a wait in vain.</summary>
    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            TestContext.CurrentContext.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private ValueTask<UpstreamDialResult> DialAsync(CancellationToken cancellationToken) =>
        _pool.DialAsync("smtp", _snapshot.Current, Client, wake: static () => { }, cancellationToken, cancellationToken);

    private int SessionsAt(string destination) => _application.Services.GetRequiredService<UpstreamMaintenance>().SessionsAt(destination);

    private void Host(params string[] destinations) => Host(Options(destinations));

    private void Host(ShieldOptions options)
    {
        _snapshot = new ShieldSnapshot(options);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(_snapshot).AddSingleton<TimeProvider>(_time).AddSingleton<IUpstreamTransport>(_network).AddUpstream();
        _application = builder.Build();
        _application.MapUpstream();
        _pool = _application.Services.GetRequiredService<UpstreamPool>();
    }

    private void Replace(params string[] destinations) => _snapshot.Replace(Options(destinations));

    private async Task DialUntilFailureAsync(CancellationToken cancellationToken)
    {
        UpstreamDialResult result;
        do
        {
            result = await DialAsync(cancellationToken);
            await result.Connection!.DisposeAsync();
        }
        while (result.Failures.Count == 0);
    }

    /// <param name="marked">Destinations waiting for their reactivation: the only timers that may be left.</param>
    private void AssertNothingLeft(int marked = 0)
    {
        _time.LetConnectionsEnd(() => (SessionsAt(A), SessionsAt(B), SessionsAt(C)) == (0, 0, 0));
        Assert.That(_network.Connections.Select(connection => connection.Disposals), Is.All.EqualTo(1));
        Assert.That(_time.ActiveTimers, Is.EqualTo(marked));
    }
}
