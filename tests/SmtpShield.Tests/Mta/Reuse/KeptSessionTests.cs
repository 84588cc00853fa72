using SmtpShield.Mta;
using SmtpShield.Options;
using SmtpShield.Protocol;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta.Reuse;

/// <summary>What a session with the MTA is told before another client's commands, over a scripted network.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), CancelAfter(20_000)]
internal sealed class KeptSessionTests
{
    private const string A = "192.0.2.1:25";
    private const string Hello = "EHLO c.example";
    private static readonly string[] s_offer = ["S: 250-mx", "S: 250-PIPELINING", "S: 250 XCLIENT NAME ADDR PORT"];
    private static readonly string[] s_bare = ["S: 250-mx", "S: 250 PIPELINING"];
    private HostedPool _host = null!;

    [TearDown]
    public async Task TearDown()
    {
        Assert.That(_host.Network.Connections.Select(static connection => connection.Mismatch), Is.All.Null, "what the MTA got instead");
        await _host.DisposeAsync();
    }

    [TestCase(false), TestCase(true), Property("Pool", "REUSE-7")]
    public async Task DialAsync_Xclient_TheMtaIsToldOfEachClientAndItsHello(bool byOctets, CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient);
        _host.Network.Plays(A, byOctets, [.. Opening("198.51.100.7", Hello), .. Next("198.51.100.8", "220 mx again", Hello), .. Next("198.51.100.9",
            "220 mx", "EHLO d.example")]);
        Leave(await DialAsync("198.51.100.7", Hello, cancellationToken));
        var second = await DialAsync("198.51.100.8", Hello, cancellationToken);
        Assert.That(Text(second), Is.EqualTo("220 mx again\r\n"));
        Leave(second);
        var third = await DialAsync("198.51.100.9", "EHLO d.example", cancellationToken);

        Assert.That((_host.Network.Attempts.Count, third.HelloReply!.Value.Code, third.IsUntried), Is.EqualTo((1, 250, false)));
        third.Close();
    }

    // Behind HELO the MTA has not said again that it takes XCLIENT.
    [Test, Property("Pool", "REUSE-7")]
    public async Task DialAsync_XclientAndHelo_ItsClientIsTheLast(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient);
        _host.Network.Plays(A, true,
            [.. Opening("198.51.100.7", Hello), "C: " + Xclient("198.51.100.8"), "S: 220 mx", "C: HELO c.example", "S: 250 mx", "C: QUIT"]);
        Leave(await DialAsync("198.51.100.7", Hello, cancellationToken));
        var second = await DialAsync("198.51.100.8", "HELO c.example", cancellationToken);
        second.Reuse!.Career.NoteReply(Verb.Data, 354, isOfMessage: false);
        second.Reuse!.Career.NoteReply(Verb.Data, 250, isOfMessage: true);
        second.Release();
        Assert.That(Kept, Is.Zero);

        _host.Network.Plays(A, true, Opening("198.51.100.9", Hello));
        (await DialAsync("198.51.100.9", Hello, cancellationToken)).Close();
        Assert.That(_host.Network.Attempts, Has.Count.EqualTo(2));
    }

    [TestCase("554 5.7.1 not you"), TestCase("450 4.7.1 not now"), TestCase("421 4.7.0 go"), Property("Pool", "REUSE-8"), Property("Pool", "SEAM-43")]
    public async Task DialAsync_XclientIsRefusedForThisClient_ItsWordIsTheGreetingAndTheSessionIsOver(string reply, CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient);
        _host.Network.Plays(A, true, [.. Opening("198.51.100.7", Hello), "C: " + Xclient("198.51.100.8"), $"S: {reply}", "C: QUIT"]);
        Leave(await DialAsync("198.51.100.7", Hello, cancellationToken));
        var refused = await DialAsync("198.51.100.8", Hello, cancellationToken);
        Assert.That((Text(refused), refused.GreetingCode, refused.HelloReply), Is.EqualTo(($"{reply}\r\n", int.Parse(reply[..3], null), (UpstreamReply?)null)));
        refused.Release();
        Assert.That(Kept, Is.Zero);

        _host.Network.Plays(A, true, Opening("198.51.100.9", Hello));
        (await DialAsync("198.51.100.9", Hello, cancellationToken)).Close();
        Assert.That(_host.Network.Attempts, Has.Count.EqualTo(2));
    }

    [TestCase("501 5.5.4 Bad syntax"), TestCase("550 5.7.0 Error: insufficient authorization"), Property("Pool", "REUSE-8")]
    public async Task DialAsync_XclientIsNotTaken_IsDialedForAndNothingIsKeptUntilAReload(string reply, CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient);
        _host.Network.Plays(A, true, [.. Opening("198.51.100.7", Hello), "C: " + Xclient("198.51.100.8"), $"S: {reply}", "C: QUIT"]);
        Leave(await DialAsync("198.51.100.7", Hello, cancellationToken));
        _host.Network.Plays(A, true, Opening("198.51.100.8", Hello));
        var second = await DialAsync("198.51.100.8", Hello, cancellationToken);
        Assert.That((second.GreetingCode, _host.Network.Attempts.Count, second.Reuse), Is.EqualTo((220, 2, (object?)null)));
        second.Close();
        Assert.That(_host.Log.Lines.Count(line => line == $"sessions with upstream {A} are not reused: refused XCLIENT: {reply}"), Is.EqualTo(1));

        _host.Snapshot.Replace(_host.Snapshot.Current with { });
        var third = await DialAsync("198.51.100.8", Hello, cancellationToken);
        Assert.That(third.Reuse, Is.Not.Null);
        third.Close();
    }

    [Test, Property("Pool", "REUSE-7")]
    public async Task DialAsync_XclientIsNotOfferedBehindXclient_IsNotKeptAndTellsItOnce(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient);
        for (var i = 0; i < 2; i++)
        {
            _host.Network.Plays(A, true, [.. Opening("198.51.100.7", Hello)[..^s_offer.Length], .. s_bare, "C: QUIT"]);
            var connection = await DialAsync("198.51.100.7", Hello, cancellationToken);
            Assert.That(connection.Reuse, Is.Null);
            connection.Release();
        }

        Assert.That((Kept, _host.Network.Attempts.Count), Is.EqualTo((0, 2)));
        Assert.That(_host.Log.Lines, Has.One.EqualTo($"sessions with upstream {A} are not reused: XCLIENT is not offered behind XCLIENT "
            + "(smtpd_authorized_xclient_hosts does not list the client)"));
    }

    [Test, Property("Pool", "REUSE-8"), Property("Pool", "REUSE-4")]
    public async Task DialAsync_MtaSaysNothingMore_AfterTwoOfThemItIsDialed(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.None);
        UpstreamConnection[] three = [await OneAsync(), await OneAsync(), await OneAsync()];
        foreach (var one in three)
            Leave(one);
        Assert.That(Kept, Is.EqualTo(3));
        var dial = _host.DialAsync(cancellationToken, client: "198.51.100.8", hello: "EHLO d.example", mayReuse: true).AsTask();
        _host.Network.Connections.Last().Say("", close: true);
        Assert.That(SpinWait.SpinUntil(() => Kept == 1, TimeSpan.FromSeconds(10)), "the next one is told");
        _host.Network.Plays(A, true, ["S: 220 mx", "C: EHLO d.example", .. s_bare]);
        _host.Network.Connections.ElementAt(1).Say("421 4.3.2 stopping\r\n");
        (await dial).Connection!.Close();
        Assert.That((Kept, _host.Network.Attempts.Count), Is.EqualTo((1, 4)));

        async Task<UpstreamConnection> OneAsync()
        {
            _host.Network.Plays(A, true, ["S: 220 mx", $"C: {Hello}", .. s_bare]);
            return await DialAsync("198.51.100.7", Hello, cancellationToken);
        }
    }

    [TestCase("EHLO c.example", true), TestCase("ehlo c.example", false), TestCase("EHLO c.example ", false), TestCase("HELO c.example", false)]
    [Property("Pool", "REUSE-1")]
    public async Task DialAsync_HelloIsTheSameToTheOctet_OnlyThenItIsNotSaid(string hello, bool isSame, CancellationToken cancellationToken)
    {
        Host(ClientHandoff.None);
        string[] reply = hello.StartsWith('H') ? ["S: 250 mx"] : s_bare;
        _host.Network.Plays(A, true, ["S: 220 mx", $"C: {Hello}", .. s_bare, $"C: {hello}", .. reply]);
        Leave(await DialAsync("198.51.100.7", Hello, cancellationToken));
        var second = await DialAsync("198.51.100.8", hello, cancellationToken);

        Assert.That((_host.Network.Attempts.Count, second.IsUntried, second.HelloReply!.Value.Code), Is.EqualTo((1, isSame, 250)));
        second.Close();
    }

    [Test, Property("Pool", "SEAM-42")]
    public async Task DialAsync_AddressHasLeftTheName_ItsSessionIsLeftToo(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.None, new("mx.example", 25));
        // That of the scripted connections.
        _host.Network.Names["mx.example"] = [System.Net.IPAddress.Loopback];
        string[] script = ["S: 220 mx", $"C: {Hello}", .. s_bare];
        _host.Network.Plays("127.0.0.1:25", true, script);
        (await DialAsync("198.51.100.7", Hello, cancellationToken)).Close();
        _host.Time.Advance(UpstreamName.Interval - TimeSpan.FromSeconds(2));
        Leave(await DialAsync("198.51.100.7", Hello, cancellationToken));
        _host.Network.Names["mx.example"] = [System.Net.IPAddress.Parse("192.0.2.9")];
        _host.Network.Plays("192.0.2.9:25", true, script);
        _host.Time.Advance(TimeSpan.FromSeconds(3));

        (await DialAsync("198.51.100.8", Hello, cancellationToken)).Close();
        Assert.That((Kept, _host.Network.Attempts.Last()), Is.EqualTo((0, "192.0.2.9:25")));
        Assert.That(_host.Network.Connections.ElementAt(1).Received, Does.EndWith("QUIT\r\n"));
    }

    [Test, Property("Pool", "REUSE-11")]
    public async Task DialAsync_OtherService_HasSessionsOfItsOwn(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.None);
        _host.Network.Plays(A, true, ["S: 220 mx", $"C: {Hello}", .. s_bare]);
        Leave(await DialAsync("198.51.100.7", Hello, cancellationToken));

        Assert.That(_host.Pool.DestinationOf(_host.Pool.ClusterOf("smtp").DestinationsState.AllDestinations[0]).Kept
            .TryTake("smtp", _host.Snapshot.Current with { }, default, SmtpShield.Mta.Slots.ClientStanding.Exempt, static () => { }), Is.Null);
    }

    private int Kept => _host.Maintenance.Pictures().Single().Kept;

    private void Host(ClientHandoff handoff, UpstreamAddress? mta = null) => _host = HostedPool.Start(new()
    {
        Smtpd = new() { MyHostname = "mail.example.com" },
        Upstream = new() { Destinations = [mta ?? new("192.0.2.1", 25)], ClientHandoff = handoff, Reuse = true },
    });

    private static string Xclient(string client) => $"XCLIENT NAME=mx.example.com ADDR={client} PORT=40000";

    private static string[] Opening(string client, string hello) =>
        ["S: 220 mx ESMTP", "C: EHLO mail.example.com", .. s_offer, .. Next(client, "220 mx", hello)];

    private static string[] Next(string client, string greeting, string hello) =>
        ["C: " + Xclient(client), $"S: {greeting}", $"C: {hello}", .. s_offer];

    private async Task<UpstreamConnection> DialAsync(string client, string hello, CancellationToken cancellationToken) =>
        (await _host.DialAsync(cancellationToken, client: client, hello: hello, mayReuse: true)).Connection!;

    private void Leave(UpstreamConnection connection)
    {
        var before = Kept;
        var career = connection.Reuse!.Career;
        career.NoteReply(Verb.Data, 354, isOfMessage: false);
        career.NoteReply(Verb.Data, 250, isOfMessage: true);
        connection.Release();
        Assert.That(Kept, Is.EqualTo(before + 1));
    }

    private static string Text(UpstreamConnection connection) => System.Text.Encoding.Latin1.GetString(connection.Greeting.Span);
}
