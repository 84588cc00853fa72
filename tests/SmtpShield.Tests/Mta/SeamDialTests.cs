using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta;

/// <summary>What happens to an MTA in the middle of a dial, and what is decided about one while somebody waits for it.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), CancelAfter(30_000)]
internal sealed class SeamDialTests
{
    private const string A = "192.0.2.1:25";
    private const string B = "192.0.2.2:25";
    private const string Greeting = "220 mx ESMTP\r\n";
    private HostedPool _host = null!;

    [TearDown]
    public async Task TearDown()
    {
        if (_host is not null)
            await _host.DisposeAsync();
    }

    [TestCase(""), TestCase("220-mx"), TestCase(Greeting), TestCase(Greeting + "250-mx\r\n"), Property("Pool", "SEAM-1")]
    public async Task DialAsync_MtaIsGoneBeforeItHasAnsweredEhlo_TheNextOneServes(string said, CancellationToken cancellationToken)
    {
        Host(limit: 1, UpstreamPolicy.First, A, B);
        _host.Network.SaysAndCloses(A, said);
        _host.Network.Plays(B, false, "S: 220 mx ESMTP", "C: EHLO c.example", "S: 250 mx");

        var result = await _host.DialAsync(cancellationToken, hello: "EHLO c.example");

        Assert.That((result.Connection?.Destination, result.Connection?.HelloReply?.Code, result.Failures.Single().Destination), Is.EqualTo((B, 250, A)));
        await result.Connection!.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "SEAM-16")]
    public async Task DialAsync_GreetingComesInTwoParts_NotAnOctetIsSaidBefore(CancellationToken cancellationToken)
    {
        Host(limit: 1, UpstreamPolicy.First, A);
        _host.Network.Says(A, "220-mx wait\r\n");
        var dial = _host.DialAsync(cancellationToken, hello: "EHLO c.example").AsTask();
        var mta = _host.Network.Connections.Single();
        _host.Time.Advance(TimeSpan.FromSeconds(6));
        Assert.That((dial.IsCompleted, mta.Received), Is.EqualTo((false, "")));
        mta.Say(Greeting);
        Assert.That(mta.Received, Is.EqualTo("EHLO c.example\r\n"));
        mta.Say("250 mx\r\n");

        var connection = (await dial).Connection!;
        Assert.That(System.Text.Encoding.Latin1.GetString(connection.Greeting.Span), Is.EqualTo("220-mx wait\r\n" + Greeting));
        await connection.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "SEAM-30")]
    public async Task Replace_TheDestinationWaitedForIsGone_WhoWaitsGoesToTheOther(CancellationToken cancellationToken)
    {
        Host(limit: 1, UpstreamPolicy.First, A);
        _host.Network.Says(A, Greeting);
        _host.Network.Says(B, Greeting);
        var held = (await _host.DialAsync(cancellationToken)).Connection!;
        var waiting = _host.DialAsync(cancellationToken, client: "198.51.100.8").AsTask();
        Assert.That(waiting.IsCompleted, Is.False);

        _host.Snapshot.Replace(Options(limit: 1, UpstreamPolicy.First, B));

        var moved = (await waiting.WaitAsync(cancellationToken)).Connection!;
        Assert.That((moved.Destination, held.Slot.Slots.Waiting, _host.Time.Elapsed), Is.EqualTo((B, 0, TimeSpan.Zero)));
        await held.DisposeAsync();
        await moved.DisposeAsync();
        AssertNothingLeft();
    }

    [Test, Property("Pool", "SEAM-30")]
    public async Task Replace_NoLimitAnyMore_WhoWaitsIsServed(CancellationToken cancellationToken)
    {
        Host(limit: 1, UpstreamPolicy.First, A);
        _host.Network.Says(A, Greeting);
        var held = (await _host.DialAsync(cancellationToken)).Connection!;
        var waiting = _host.DialAsync(cancellationToken, client: "198.51.100.8").AsTask();

        _host.Snapshot.Replace(Options(limit: 0, UpstreamPolicy.First, A));

        await (await waiting.WaitAsync(cancellationToken)).Connection!.DisposeAsync();
        await held.DisposeAsync();
        AssertNothingLeft();
    }

    private static ShieldOptions Options(int limit, UpstreamPolicy policy, params string[] destinations) => new()
    {
        Upstream = new()
        {
            SessionLimit = limit,
            SessionReserve = 0,
            Policy = policy,
            Destinations = [.. destinations.Select(static text => new UpstreamAddress(text.Split(':')[0], 25))],
        },
    };

    private void Host(int limit, UpstreamPolicy policy, params string[] destinations) => _host = HostedPool.Start(Options(limit, policy, destinations));

    private void AssertNothingLeft()
    {
        // Of a destination that was taken out no sessions are counted: its connections may end later.
        _host.Time.LetConnectionsEnd(() => _host.Network.Connections.All(static connection => connection.Disposals > 0)
            && (_host.Maintenance.SessionsAt(A), _host.Maintenance.SessionsAt(B)) == (0, 0));
        Assert.That(_host.Network.Connections.Select(static connection => connection.Disposals), Is.All.EqualTo(1));
    }
}
