using System.Net;
using System.Net.Sockets;
using SmtpShield.Mta;
using SmtpShield.Options;

namespace SmtpShield.Tests.Mta;

/// <summary>Destinations given by a name: a resolver that does not answer, or says something else, holds nobody up who has an address.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), CancelAfter(20_000)]
internal sealed class UpstreamNameTests
{
    private const string A = "192.0.2.1:25";
    private const string B = "192.0.2.2:25";
    private const string Hello = "220 mx ESMTP\r\n";
    private static readonly IPAddress s_a = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress s_b = IPAddress.Parse("192.0.2.2");
    private HostedPool _host = null!;

    [TearDown]
    public async Task TearDown() => await _host.DisposeAsync();

    [Test, Property("Pool", "POOL-8")]
    public async Task DialAsync_ResolverIsSilent_HoldsNoOtherServiceAndAsksOnce(CancellationToken cancellationToken)
    {
        var named = Options("mx:25");
        _host = HostedPool.Start(named with { Services = new Dictionary<string, ShieldOptions> { ["smtp"] = named, ["submission"] = Options(A) } });
        _host.Network.Resolver = static _ => new TaskCompletionSource<IPAddress[]>().Task;
        _host.Network.Says(A, Hello);
        var held = Enumerable.Range(0, 80).Select(number => _host.DialAsync(cancellationToken, client: $"10.0.0.{number}").AsTask()).ToArray();

        var other = _host.DialAsync(cancellationToken, "submission");

        Assert.That((other.IsCompleted, _host.Network.LookUps, held.Any(static dial => dial.IsCompleted)), Is.EqualTo((true, 1, false)));
        await (await other).Connection!.DisposeAsync();
        _host.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.That((await Task.WhenAll(held)).Select(static result => $"{result.Failures.Single()}"), Is.All.EqualTo("mx:25: Host name lookup timed out"));
    }

    [Test, Property("Pool", "POOL-8")]
    public async Task DialAsync_NameIsKnown_IsNotAskedAgainBeforeItsTime(CancellationToken cancellationToken)
    {
        Host(s_a);
        for (var second = 0; second < 30; second++)
        {
            await DialAsync(cancellationToken);
            _host.Time.Advance(TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1));
        }

        Assert.That(_host.Network.LookUps, Is.EqualTo(1));
    }

    [Test, Property("Pool", "POOL-8")]
    public async Task DialAsync_NameMoves_NewDialsFollow(CancellationToken cancellationToken)
    {
        Host(s_a);
        await DialAsync(cancellationToken);
        _host.Network.Names["mx"] = [s_b];

        _host.Time.Advance(UpstreamName.Interval);
        // This one asks, and does not wait.
        await DialAsync(cancellationToken);
        await DialAsync(cancellationToken);

        Assert.That(_host.Network.Attempts, Is.EqualTo([A, A, B]));
    }

    [Test, Property("Pool", "POOL-8")]
    public async Task DialAsync_ResolverFailsLater_LastAnswerServesAndOneLineSaysSo(CancellationToken cancellationToken)
    {
        Host(s_a);
        await DialAsync(cancellationToken);
        _host.Network.Names.Clear();

        for (var round = 0; round < 5; round++)
        {
            _host.Time.Advance(UpstreamName.Interval);
            Assert.That((await DialAsync(cancellationToken)).Failures, Is.Empty);
        }

        Assert.That(_host.Log.GetSnapshot().Select(static line => line.Message).Where(static line => line.Contains("look-up", StringComparison.Ordinal)),
            Is.EqualTo([$"look-up of upstream mx failed: {new SocketException((int)SocketError.HostNotFound).Message}; its last addresses are used"]));
        // When it answers again it may fail again.
        _host.Network.Names["mx"] = [s_b];
        _host.Time.Advance(UpstreamName.Interval);
        await DialAsync(cancellationToken);
        await DialAsync(cancellationToken);
        Assert.That(_host.Network.Attempts.Last(), Is.EqualTo(B));
    }

    [Test, Property("Pool", "SEAM-49")]
    public async Task DialAsync_AnswerWithoutAddresses_IsNone(CancellationToken cancellationToken)
    {
        Host();

        Assert.That((await DialAsync(cancellationToken)).Failures, Is.EqualTo([new UpstreamFailure("mx:25", "Host not found")]));
    }

    [Test, Property("Pool", "SEAM-49")]
    public async Task DialAsync_AThousandAddresses_TheFirstOnesAreTried(CancellationToken cancellationToken)
    {
        var many = Enumerable.Range(0, 1000).Select(static number => new IPAddress([10, 0, (byte)(number >> 8), (byte)number])).ToArray();
        Host(many);
        foreach (var address in many)
            _host.Network.Fails($"{address}:25", SocketError.ConnectionRefused);

        var result = await DialAsync(cancellationToken);

        Assert.That(result.Failures.Select(static failure => failure.Address), Is.EquivalentTo(many[..UpstreamName.MostAddresses]));
    }

    [Test, Property("Pool", "POOL-8")]
    public async Task DialAsync_SeveralAddresses_AreUsedInTurnAndFailOneByOne(CancellationToken cancellationToken)
    {
        Host(s_a, s_b);
        var served = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            await DialAsync(cancellationToken);
            served.Add(_host.Network.Attempts.Last());
        }

        Assert.That(served.Take(2), Is.EquivalentTo([A, B]));
        Assert.That(served.Skip(2), Is.EqualTo(served.Take(2)));
        _host.Network.Fails(A, SocketError.ConnectionRefused);
        var failures = new List<UpstreamFailure>();
        for (var i = 0; i < 2; i++)
            failures.AddRange((await DialAsync(cancellationToken)).Failures);
        Assert.That(failures.Select(static failure => $"{failure}"), Is.EqualTo(["mx[192.0.2.1]:25: Connection refused"]));
    }

    private static ShieldOptions Options(string destination) => new()
    {
        Upstream = new() { Destinations = [new(destination.Split(':')[0], 25)] },
    };

    private async Task<UpstreamDialResult> DialAsync(CancellationToken cancellationToken)
    {
        var result = await _host.DialAsync(cancellationToken);
        if (result.Connection is { } connection)
            await connection.DisposeAsync();
        return result;
    }

    private void Host(params IPAddress[] addresses)
    {
        _host = HostedPool.Start(Options("mx:25") with { Upstream = Options("mx:25").Upstream with { SessionLimit = 0 } });
        _host.Network.Names["mx"] = addresses;
        _host.Network.Says(A, Hello);
        _host.Network.Says(B, Hello);
    }
}
