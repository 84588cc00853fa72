using System.Net;
using System.Text;
using SmtpShield.Mta;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta;

/// <summary>What the shield says to the MTA before a client's session, step by step, over a scripted network. TLS itself is tested with sockets.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), CancelAfter(20_000)]
internal sealed class UpstreamHandoffTests
{
    private const string A = "192.0.2.1:25";
    private const string B = "192.0.2.2:25";
    private const string Greeting = "S: 220 mx ESMTP";
    private const string Ehlo = "C: EHLO mail.example.com";
    private const string Xclient = "C: XCLIENT NAME=mx.example.com REVERSE_NAME=mx.example.com ADDR=198.51.100.7 PORT=40000 DESTADDR=203.0.113.1 DESTPORT=25";
    private static readonly string[] Offer =
    [
        "S: 250-mx", "S: 250-PIPELINING", "S: 250 XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT",
    ];
    private HostedPool _host = null!;

    [TearDown]
    public async Task TearDown()
    {
        if (_host is null)
            return;
        Assert.That(_host.Network.Connections.Select(static connection => connection.Mismatch), Is.All.Null, "what the MTA got instead");
        await _host.DisposeAsync();
    }

    [TestCase(ClientHandoff.ProxyV1), TestCase(ClientHandoff.ProxyV2)]
    [Property("Hazard", "ID-11")]
    public async Task DialAsync_Proxy_HeaderComesBeforeTheGreeting(ClientHandoff handoff, CancellationToken cancellationToken)
    {
        Host(handoff);
        _host.Network.Plays(A, false, handoff == ClientHandoff.ProxyV1
            ? "C: PROXY TCP4 198.51.100.7 203.0.113.1 40000 25"
            : "C>\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xcb\0\x71\x01\x9c\x40\0\x19", Greeting);

        var result = await _host.DialAsync(cancellationToken);

        await using var connection = result.Connection;
        Assert.That(Text(connection!), Is.EqualTo("220 mx ESMTP\r\n"));
    }

    [TestCase(false), TestCase(true)]
    [Property("Hazard", "ID-12")]
    public async Task DialAsync_Xclient_NewGreetingIsTheClients(bool byOctets, CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient);
        _host.Network.Plays(A, byOctets, [Greeting, Ehlo, .. Offer, Xclient, "S: 220-mx", "S: 220 for mx.example.com", "S>250 behind"]);

        var result = await _host.DialAsync(cancellationToken);

        await using var connection = result.Connection;
        Assert.That((Text(connection!), connection!.GreetingCode, result.Failures.Count), Is.EqualTo(("220-mx\r\n220 for mx.example.com\r\n", 220, 0)));
        Assert.That(connection.Transport.Input.TryRead(out var rest) ? Encoding.ASCII.GetString(rest.Buffer) : "", Is.EqualTo("250 behind"));
        Assert.That(_host.Time.ActiveTimers, Is.Zero);
    }

    [TestCase("421 4.7.0 mx Error: too many connections from 198.51.100.7")]
    [TestCase("450 4.7.25 Client host rejected: cannot find your hostname")]
    [TestCase("550 5.7.1 no")]
    [TestCase("554 5.7.1 <mx.example.com[198.51.100.7]>: Client host rejected: Access denied")]
    [Property("Hazard", "ID-12")]
    public async Task DialAsync_MtaRefusesTheClient_ItsWordIsTheGreetingAndNobodyElseIsAsked(string reply, CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient, A, B);
        _host.Network.Plays(A, true, [Greeting, Ehlo, .. Offer, Xclient, $"S: {reply}"]);
        _host.Network.Plays(B, true, [Greeting, Ehlo, .. Offer, Xclient, $"S: {reply}"]);

        var result = await _host.DialAsync(cancellationToken);

        await using var connection = result.Connection;
        Assert.That((Text(connection!), result.Failures.Count, _host.Network.Attempts.Count), Is.EqualTo(($"{reply}\r\n", 0, 1)));
        // It is about this client: others are served by the same MTA.
        Assert.That(_host.Time.ActiveTimers, Is.Zero);
    }

    [TestCase("501 5.5.4 Bad ADDR syntax: IPV6:x", "refused XCLIENT: 501 5.5.4 Bad ADDR syntax: IPV6:x")]
    [TestCase("503 5.5.1 Error: MAIL transaction in progress", "refused XCLIENT: 503 5.5.1 Error: MAIL transaction in progress")]
    [TestCase("250 2.0.0 Ok", "refused XCLIENT: 250 2.0.0 Ok")]
    [TestCase("garbage", "malformed reply to XCLIENT")]
    [Property("Hazard", "ID-12")]
    public async Task DialAsync_XclientIsNotUnderstood_IsAFailureNotARefusal(string reply, string reason, CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient, A, B);
        _host.Network.Plays(A, false, [Greeting, Ehlo, .. Offer, Xclient, $"S: {reply}"]);
        _host.Network.Plays(B, false, [Greeting, Ehlo, .. Offer, Xclient, $"S: {reply}"]);

        var result = await _host.DialAsync(cancellationToken);

        Assert.That(result.Failures, Is.EquivalentTo([new UpstreamFailure(A, reason), new UpstreamFailure(B, reason)]));
        // One client's address must not take the MTA from all the others.
        AssertNothingLeft(marked: 0);
    }

    [TestCase("does not offer XCLIENT (smtpd_authorized_xclient_hosts)", "S: 250-mx\r\n250 PIPELINING")]
    [TestCase("does not offer XCLIENT (smtpd_authorized_xclient_hosts)", "S: 502 5.5.2 Error: command not recognized")]
    [TestCase("does not take ADDR with XCLIENT", "S: 250-mx\r\n250 XCLIENT NAME LOGIN")]
    [TestCase("refused EHLO: 421 4.3.2 full", "S: 421 4.3.2 full")]
    [TestCase("malformed reply to EHLO", "S: 250-mx\r\n251 mx")]
    [TestCase("no reply to EHLO within 30s", "S: 250-mx")]
    [Property("Hazard", "ID-12")]
    public async Task DialAsync_NoXclient_Fails(string reason, string reply, CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient);
        _host.Network.Plays(A, false, Greeting, Ehlo, reply);

        var dial = _host.DialAsync(cancellationToken);
        _host.Time.Advance(TimeSpan.FromSeconds(30));

        var result = await dial;
        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure(A, reason)]));
        // An MTA that has greeted is not one that is full.
        Assert.That(result.GreetingTimedOut, Is.False);
        AssertNothingLeft();
    }

    [TestCase("554 5.7.1 no"), TestCase("450 later"), TestCase("421 full")]
    [Property("Hazard", "ID-12")]
    public async Task DialAsync_MtaRefusesTheShield_IsNoWordForTheClient(string greeting, CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient);
        _host.Network.Plays(A, false, $"S: {greeting}");

        Assert.That((await _host.DialAsync(cancellationToken)).Failures, Is.EqualTo([new UpstreamFailure(A, $"refused to talk to me: {greeting}")]));
        AssertNothingLeft();
    }

    // Someone between answers what was not asked yet: the next replies would be one off.
    [TestCase("EHLO", "S: 220 mx\r\n250 XCLIENT ADDR")]
    [TestCase("XCLIENT", Greeting, Ehlo, "S: 250-mx\r\n250 XCLIENT ADDR\r\n220 mx")]
    [Property("Hazard", "TLS-2")]
    public async Task DialAsync_DataThatWasNotAskedFor_Fails(string verb, params string[] dialogue)
    {
        Host(ClientHandoff.Xclient);
        _host.Network.Plays(A, false, dialogue);

        Assert.That((await _host.DialAsync(CancellationToken.None)).Failures,
            Is.EqualTo([new UpstreamFailure(A, $"sent data before {verb} without being asked")]));
        AssertNothingLeft();
    }

    [TestCase(false), TestCase(true)]
    [Property("Hazard", "TLS-2")]
    public async Task DialAsync_DataBehindTheAnswerToStartTls_Fails(bool atOnce, CancellationToken cancellationToken)
    {
        Host(Tls(UpstreamTlsSecurityLevel.May));
        _host.Network.Plays(A, false, Greeting, Ehlo, "S: 250-mx\r\n250 STARTTLS", "C: STARTTLS", atOnce ? "S: 220 go\r\n250 x" : "S: 220 go",
            "C>\x16\x03", "S: 250 x");

        var result = await _host.DialAsync(cancellationToken);

        // What comes later is no TLS record.
        Assert.That(result.Failures,
            Is.EqualTo([new UpstreamFailure(A, atOnce ? "sent data in clear behind its reply to STARTTLS" : "Cannot start TLS: handshake failure")]));
        Assert.That(_host.Network.Connections.Single().Received.StartsWith("EHLO mail.example.com\r\nSTARTTLS\r\n", StringComparison.Ordinal), Is.True);
        AssertNothingLeft();
    }

    [TestCase(UpstreamTlsSecurityLevel.May), TestCase(UpstreamTlsSecurityLevel.Encrypt), TestCase(UpstreamTlsSecurityLevel.Verify)]
    [Property("Hazard", "TLS-16")]
    public async Task DialAsync_HandshakeFails_NeverGoesOnInClear(UpstreamTlsSecurityLevel level, CancellationToken cancellationToken)
    {
        Host(Tls(level));
        _host.Network.Plays(A, true, Greeting, Ehlo, "S: 250-mx\r\n250 STARTTLS", "C: STARTTLS", "S: 454 4.7.0 TLS not available due to local problem");

        Assert.That((await _host.DialAsync(cancellationToken)).Failures,
            Is.EqualTo([new UpstreamFailure(A, "refused STARTTLS: 454 4.7.0 TLS not available due to local problem")]));
        AssertNothingLeft();
    }

    [TestCase(UpstreamTlsSecurityLevel.May, "S: 250-mx\r\n250 PIPELINING", true)]
    [TestCase(UpstreamTlsSecurityLevel.May, "S: 500 what?", true)]
    [TestCase(UpstreamTlsSecurityLevel.Encrypt, "S: 250-mx\r\n250 PIPELINING", false)]
    [TestCase(UpstreamTlsSecurityLevel.Encrypt, "S: 500 what?", false)]
    [TestCase(UpstreamTlsSecurityLevel.Verify, "S: 250-mx\r\n250 PIPELINING", false)]
    [Property("Hazard", "TLS-16")]
    public async Task DialAsync_StartTlsNotOffered_GoesOnOnlyIfItMay(
        UpstreamTlsSecurityLevel level, string ehlo, bool goesOn, CancellationToken cancellationToken)
    {
        Host(Tls(level));
        _host.Network.Plays(A, true, Greeting, Ehlo, ehlo);

        var result = await _host.DialAsync(cancellationToken);

        await using var connection = result.Connection;
        Assert.That(connection?.Greeting.Length, goesOn ? Is.EqualTo("220 mx ESMTP\r\n".Length) : Is.Null);
        Assert.That(result.Failures.Select(static failure => failure.Reason),
            Is.EqualTo(goesOn ? Array.Empty<string>() : ["TLS is required, but was not offered"]));
    }

    // Anybody can say that in clear.
    [TestCase(UpstreamTlsSecurityLevel.May, true), TestCase(UpstreamTlsSecurityLevel.Encrypt, false)]
    [Property("Hazard", "TLS-16")]
    public async Task DialAsync_RefusalInClear_IsTheClientsOnlyIfItMay(UpstreamTlsSecurityLevel level, bool isPassedOn, CancellationToken cancellationToken)
    {
        Host(Tls(level));
        _host.Network.Plays(A, true, "S: 554 5.7.1 go away");

        var result = await _host.DialAsync(cancellationToken);

        await using var connection = result.Connection;
        Assert.That(connection?.GreetingCode, isPassedOn ? Is.EqualTo(554) : Is.Null);
        Assert.That(result.Failures.Count, Is.EqualTo(isPassedOn ? 0 : 1));
    }

    [Test, Property("Hazard", "TLS-16")]
    public async Task DialAsync_WrapperModeAndSilence_IsAFullMta(CancellationToken cancellationToken)
    {
        Host(Tls(UpstreamTlsSecurityLevel.Encrypt) with { UpstreamTls = new() { SecurityLevel = UpstreamTlsSecurityLevel.Encrypt, WrapperMode = true } });
        _host.Network.Says(A, "");

        var dial = _host.DialAsync(cancellationToken);
        _host.Time.Advance(TimeSpan.FromSeconds(30));

        var result = await dial;
        Assert.That((result.Failures.Single().Reason, result.GreetingTimedOut), Is.EqualTo(("no TLS handshake within 30s", true)));
        // A handshake comes first, not a word in clear.
        Assert.That(_host.Network.Connections.Single().Received[0], Is.EqualTo('\x16'));
        AssertNothingLeft();
    }

    [Test, Property("Hazard", "TLS-16")]
    public async Task DialAsync_WrapperModeAndClearGreeting_Fails(CancellationToken cancellationToken)
    {
        Host(Tls(UpstreamTlsSecurityLevel.May) with { UpstreamTls = new() { SecurityLevel = UpstreamTlsSecurityLevel.May, WrapperMode = true } });
        _host.Network.Says(A, "220 mx\r\n");

        Assert.That((await _host.DialAsync(cancellationToken)).Failures, Is.EqualTo([new UpstreamFailure(A, "Cannot start TLS: handshake failure")]));
        AssertNothingLeft();
    }

    // An MTA that knows the client says 421 to the one who has too many sessions, too.
    [TestCase(ClientHandoff.None, true), TestCase(ClientHandoff.ProxyV1, false), TestCase(ClientHandoff.Transparent, false)]
    public async Task DialAsync_421_TheMtaIsBusyOnlyIfItCannotMeanTheClient(ClientHandoff handoff, bool isBusy, CancellationToken cancellationToken)
    {
        Host(handoff, A, B);
        _host.Network.Says(A, "421 4.7.0 Error: too many connections\r\n");
        _host.Network.Says(B, "220 mx\r\n");

        UpstreamDialResult result;
        do
        {
            result = await _host.DialAsync(cancellationToken);
            await result.Connection!.DisposeAsync();
        }
        while (result.Failures.Count == 0);

        Assert.That(result.Failures, Is.EqualTo([new UpstreamFailure(A, "refused to talk to me: 421 4.7.0 Error: too many connections")]));
        Assert.That(_host.Maintenance.Pictures().Select(static picture => picture.State),
            Is.EqualTo([isBusy ? UpstreamState.Busy : UpstreamState.Up, UpstreamState.Up]));
        AssertNothingLeft(marked: 0);
    }

    [Test, Property("Hazard", "ID-11")]
    public async Task DialAsync_Transparent_ComesFromTheClientsAddress(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Transparent);
        _host.Network.Says(A, "220 mx\r\n");

        await using var connection = (await _host.DialAsync(cancellationToken, client: "::ffff:198.51.100.7")).Connection;

        Assert.That(_host.Network.Sources, Is.EqualTo([IPAddress.Parse("198.51.100.7")]));
    }

    [Test, Property("Hazard", "ID-13")]
    public async Task DialAsync_TransparentAndAnotherIPVersion_TriesTheAddressThatFits(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Transparent, "mx:25");
        _host.Network.Names["mx"] = [IPAddress.Parse("192.0.2.1"), IPAddress.Parse("2001:db8::1")];
        _host.Network.Says("[2001:db8::1]:25", "220 mx\r\n");

        var result = await _host.DialAsync(cancellationToken, client: "2001:db8::7");

        await using var connection = result.Connection;
        Assert.That(result.Failures.Select(static failure => $"{failure}"),
            Is.EqualTo(["mx[192.0.2.1]:25: not reachable from 2001:db8::7: not the same IP version"]));
        Assert.That((_host.Network.Attempts.Single(), _host.Network.Sources.Single()), Is.EqualTo(("[2001:db8::1]:25", IPAddress.Parse("2001:db8::7"))));
    }

    [Test, Property("Hazard", "ID-11")]
    public async Task DialAsync_TransparentNotPermitted_SaysWhatIsMissingAndBlamesNobody(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Transparent, A, B);
        _host.Network.FailsTransparently(A);
        _host.Network.FailsTransparently(B);

        Assert.That((await _host.DialAsync(cancellationToken)).Failures.Select(static failure => failure.Reason), Has.Exactly(2).Contains("CAP_NET_ADMIN"));
        AssertNothingLeft(marked: 0);
    }

    [Test]
    public async Task ProbeAsync_ProxyV2_SaysLocalThenEhloAndQuit(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.ProxyV2);
        _host.Network.Plays(A, true, "C>\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", Greeting, Ehlo, "S: 250-mx\r\n250 PIPELINING", "C: QUIT", "S: 221 bye");

        var probe = await _host.ProbeAsync(A, cancellationToken);

        Assert.That((probe.Failures.Count, probe.Greeting?.FirstLine, probe.Ehlo?.Code, probe.Failure), Is.EqualTo((0, "220 mx ESMTP", 250, (string?)null)));
        AssertNothingLeft();
    }

    [Test]
    public async Task ProbeAsync_Transparent_ComesFromTheShieldsOwnAddress(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Transparent);
        _host.Network.Plays(A, true, Greeting, Ehlo, "S: 250 mx", "C: QUIT", "S: 221 bye");

        Assert.That((await _host.ProbeAsync(A, cancellationToken)).Ehlo?.Code, Is.EqualTo(250));
        Assert.That(_host.Network.Sources.Single(), Is.Null);
    }

    [Test]
    public async Task ProbeAsync_Xclient_OnlySeesWhetherItIsOffered(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.Xclient, A, B);
        _host.Network.Plays(A, true, [Greeting, Ehlo, .. Offer, Ehlo, "S: 250 mx", "C: QUIT", "S: 221 bye"]);
        _host.Network.Plays(B, true, Greeting, Ehlo, "S: 250 mx");

        var (offered, notOffered) = (await _host.ProbeAsync(A, cancellationToken), await _host.ProbeAsync(B, cancellationToken));

        Assert.That((offered.Failures.Count, offered.Ehlo?.Code), Is.EqualTo((0, 250)));
        Assert.That((notOffered.Failures.Single().Reason, notOffered.Greeting),
            Is.EqualTo(("does not offer XCLIENT (smtpd_authorized_xclient_hosts)", (UpstreamReply?)null)));
        // A probe by hand decides nothing for clients.
        AssertNothingLeft(marked: 0);
    }

    [Test]
    public async Task ProbeAsync_MtaRefusesOrVanishes_IsToldAsItIs(CancellationToken cancellationToken)
    {
        Host(ClientHandoff.None, A, B);
        _host.Network.Plays(A, true, "S: 421 full", "C: QUIT", "S: 221 bye");
        _host.Network.SaysAndCloses(B, "220 mx\r\n");

        var (refused, vanished) = (await _host.ProbeAsync(A, cancellationToken), await _host.ProbeAsync(B, cancellationToken));

        Assert.That((refused.Greeting?.Code, refused.Ehlo, refused.Failure), Is.EqualTo((421, (UpstreamReply?)null, (string?)null)));
        Assert.That((vanished.Greeting?.Code, vanished.Failure), Is.EqualTo((220, "lost connection after EHLO")));
        AssertNothingLeft(marked: 0);
    }

    [Test]
    public async Task DialAsync_TwoServices_EachHasItsOwnMtasAndHealthButOneCount(CancellationToken cancellationToken)
    {
        var smtp = Options(ClientHandoff.None, A, B);
        _host = HostedPool.Start(smtp with { Services = new Dictionary<string, ShieldOptions> { ["smtp"] = smtp,
            ["submission"] = Options(ClientHandoff.ProxyV1, B, "192.0.2.3:25") } });
        _host.Network.Says(A, "220 a\r\n");
        _host.Network.Fails(B, System.Net.Sockets.SocketError.ConnectionRefused);
        _host.Network.Says("192.0.2.3:25", "220 c\r\n");

        for (var i = 0; i < 2; i++)
            await (await _host.DialAsync(cancellationToken)).Connection!.DisposeAsync();
        await UntilAsync(() => _host.Pool.AvailableDestinationsOf("smtp").SequenceEqual([A]));
        Assert.That(_host.Pool.AvailableDestinationsOf("submission"), Is.EquivalentTo([B, "192.0.2.3:25"]));

        _host.Network.Says(B, "220 b\r\n");
        _host.Network.Attempts.Clear();
        var connections = new List<UpstreamConnection>();
        for (var i = 0; i < 2; i++)
            connections.Add((await _host.DialAsync(cancellationToken, "submission")).Connection!);

        Assert.That(_host.Network.Attempts, Is.EquivalentTo([B, "192.0.2.3:25"]));
        Assert.That(_host.Network.Connections.Skip(2).Select(static connection => connection.Received), Is.All.StartsWith("PROXY TCP4 198.51.100.7 "));
        _host.Time.LetConnectionsEnd(() => _host.Maintenance.SessionsAt(A) == 0);
        Assert.That(_host.Maintenance.SessionsAt(B), Is.EqualTo(1));
        foreach (var connection in connections)
            await connection.DisposeAsync();
    }

    private static string Text(UpstreamConnection connection) => Encoding.Latin1.GetString(connection.Greeting.Span);

    private static ShieldOptions Options(ClientHandoff handoff, params string[] destinations) => new()
    {
        Smtpd = new() { MyHostname = "mail.example.com" },
        Upstream = new()
        {
            ClientHandoff = handoff,
            Destinations = [.. destinations.Select(static text => new UpstreamAddress(
                text[..text.LastIndexOf(':')], int.Parse(text[(text.LastIndexOf(':') + 1)..], System.Globalization.CultureInfo.InvariantCulture)))],
        },
    };

    private static ShieldOptions Tls(UpstreamTlsSecurityLevel level) => Options(ClientHandoff.None, A) with { UpstreamTls = new() { SecurityLevel = level } };

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            TestContext.CurrentContext.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private void Host(ClientHandoff handoff, params string[] destinations) => Host(Options(handoff, destinations is [] ? [A] : destinations));

    private void Host(ShieldOptions options) => _host = HostedPool.Start(options);

    private void AssertNothingLeft(int marked = 0)
    {
        _host.Time.LetConnectionsEnd(() => (_host.Maintenance.SessionsAt(A), _host.Maintenance.SessionsAt(B)) == (0, 0));
        Assert.That(_host.Network.Connections.Select(static connection => connection.Disposals), Is.All.EqualTo(1));
        Assert.That(_host.Time.ActiveTimers, Is.EqualTo(marked));
    }
}
