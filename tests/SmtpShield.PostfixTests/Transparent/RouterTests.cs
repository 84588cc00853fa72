using System.Net;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.Transparent;

/// <summary>
/// The shield on a router, between clients and the MTA whose address they connect to: <c>deploy/transparent/smtpshield-tproxy</c> with real packets.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.All)]
internal sealed class RouterTests
{
    private RouterNetwork? _network;

    private RouterNetwork Network => _network ?? throw new InvalidOperationException("No network");

    [SetUp]
    public async Task CreateNetwork()
    {
        _network = await RouterNetwork.CreateAsync(TestContext.CurrentContext.CancellationToken);
        await _network.StartMtaAsync(TestContext.CurrentContext.CancellationToken);
    }

    [TearDown]
    public async Task RemoveNetwork()
    {
        if (_network is not null)
            await _network.DisposeAsync();
        _network = null;
    }

    [TestCase(4), TestCase(6), CancelAfter(60_000)]
    public async Task Connect_ToTheMta_IsAnsweredThroughTheShieldWhichKnowsTheClient(int version, CancellationToken cancellationToken)
    {
        await using var shield = await StartShieldAsync(version, cancellationToken);
        await Network.SucceedTproxyAsync("up", cancellationToken);

        var told = await SessionAsync(version, cancellationToken);

        await shield.Log.WaitForDisconnectsAsync(1, cancellationToken);
        Assert.That(
            (told.Split("\n")[0], shield.Log.Texts[0]),
            Is.EqualTo(($"220 mta.example.test ESMTP you are {RouterNetwork.RouterOf(version)}", $"connect from unknown[{RouterNetwork.ClientOf(version)}]")));
        Assert.That(told, Does.EndWith("221 2.0.0 Bye\n"));
    }

    [TestCase(4), TestCase(6), CancelAfter(60_000)]
    public async Task Connect_HandoffIsTransparent_MtaSeesTheClient(int version, CancellationToken cancellationToken)
    {
        await using var shield = await StartShieldAsync(version, cancellationToken, ("shield_client_handoff", "transparent"));
        await Network.SucceedTproxyAsync("up", cancellationToken);

        var told = await SessionAsync(version, cancellationToken);

        await shield.Log.WaitForDisconnectsAsync(1, cancellationToken);
        Assert.That(told,
            Does.StartWith($"220 mta.example.test ESMTP you are {RouterNetwork.ClientOf(version)}\n").And.EndsWith("221 2.0.0 Bye\n"), shield.AllLines);
    }

    // The client connects to the shield, not to the MTA: only the MTA's answers have to be held back on the router.
    [TestCase(4), TestCase(6), CancelAfter(60_000)]
    public async Task Connect_ToTheShieldWithTransparentHandoff_MtaSeesTheClient(int version, CancellationToken cancellationToken)
    {
        await using var shield = await StartShieldAsync(
            version, cancellationToken, ("shield_listen", "0.0.0.0:25, [::]:25"), ("shield_listen_transparent", "no"),
            ("shield_client_handoff", "transparent"));
        await Network.SucceedTproxyAsync("up", cancellationToken, ("SMTPSHIELD_CLIENT_INTERFACES", "none"));

        var told = await Network.SessionAsync(RouterNetwork.ClientOf(version), RouterNetwork.RouterOf(version), cancellationToken);

        Assert.That(told,
            Does.StartWith($"220 mta.example.test ESMTP you are {RouterNetwork.ClientOf(version)}\n").And.EndsWith("221 2.0.0 Bye\n"), shield.AllLines);
    }

    [TestCase(4), TestCase(6), CancelAfter(60_000)]
    public async Task Connect_OneClientOverTheRateLimit_OnlyItIsRefused(int version, CancellationToken cancellationToken)
    {
        await using var shield = await StartShieldAsync(
            version, cancellationToken, ("smtpd_client_connection_rate_limit", "1"), ("smtpd_client_ipv6_prefix_length", "128"));
        await Network.SucceedTproxyAsync("up", cancellationToken);

        var first = await SessionAsync(version, cancellationToken);
        var second = await SessionAsync(version, cancellationToken);
        var neighbour = await Network.SessionAsync(RouterNetwork.ClientOf(version, neighbour: true), RouterNetwork.MtaOf(version), cancellationToken);

        Assert.That((first[..3], second[..3], neighbour[..3]), Is.EqualTo(("220", "421", "220")), shield.AllLines);
    }

    [TestCase(4), TestCase(6), CancelAfter(60_000)]
    public async Task Connect_ShieldDoesNotRun_ReachesTheMta(int version, CancellationToken cancellationToken)
    {
        await Network.SucceedTproxyAsync("up", cancellationToken);

        Assert.That(await SessionAsync(version, cancellationToken), Does.StartWith($"220 mta.example.test ESMTP you are {RouterNetwork.ClientOf(version)}\n"));
    }

    // A listening socket on 0.0.0.0 is transparent as well, and is there for every address.
    [TestCase(4), TestCase(6), CancelAfter(60_000)]
    public async Task Connect_MtaToAnotherHost_IsNotDiverted(int version, CancellationToken cancellationToken)
    {
        await Network.StartMtaAsync(cancellationToken, host: "client");
        await using var shield = await StartShieldAsync(version, cancellationToken, ("shield_listen", "0.0.0.0:25, [::]:25"));
        await Network.SucceedTproxyAsync("up", cancellationToken, ("SMTPSHIELD_PORTS", "25:25"),
            ("SMTPSHIELD_LISTEN_ADDRESSES", $"{RouterNetwork.RouterOf(4)} {RouterNetwork.RouterOf(6)}"));

        var outgoing = await Network.SessionAsync(RouterNetwork.MtaOf(version), RouterNetwork.ClientOf(version), cancellationToken);
        var incoming = await SessionAsync(version, cancellationToken);

        Assert.That(
            (outgoing.Split("\n")[0], incoming.Split("\n")[0]),
            Is.EqualTo(($"220 mta.example.test ESMTP you are {RouterNetwork.MtaOf(version)}",
                $"220 mta.example.test ESMTP you are {RouterNetwork.RouterOf(version)}")));
    }

    // 203.0.113.0/24 and 2001:db8:3::/64 are behind a neighbour of the MTA: a router usually tells it so, and the MTA's packets no longer come here.
    [TestCase(4, false, ExpectedResult = "1"), TestCase(4, true, ExpectedResult = "0")]
    [TestCase(6, false, ExpectedResult = "1"), TestCase(6, true, ExpectedResult = "0")]
    [CancelAfter(60_000)]
    public async Task<string> Redirects_ToTheMta_AreNotSentWhileUp(int version, bool isUp, CancellationToken cancellationToken)
    {
        await Network.ShellAsync("ip route add 203.0.113.0/24 via 198.51.100.99; ip route add 2001:db8:3::/64 via fe80::99 dev servers", cancellationToken);
        if (isUp)
            await Network.SucceedTproxyAsync("up", cancellationToken);

        var (elsewhere, counter) = version == 4 ? ("203.0.113.7", "IcmpInRedirects") : ("2001:db8:3::7", "Icmp6InRedirects");
        // The router's refusal of the second packet comes after what it says about the first.
        await Network.ShellAsync($"echo > /dev/udp/{elsewhere}/9; echo 2>&1 > /dev/tcp/{RouterNetwork.RouterOf(version)}/9 || true", cancellationToken, "mta");

        return (await Network.ShellAsync($"nstat -az {counter} | awk '/{counter}/ {{ print $2 }}'", cancellationToken, "mta")).Trim();
    }

    [Test, CancelAfter(60_000)]
    public async Task Down_AfterUp_LeavesNothingAndConnectionsGoDirectly(CancellationToken cancellationToken)
    {
        var before = await Network.RouterStateAsync(cancellationToken);
        await using var shield = await StartShieldAsync(4, cancellationToken);
        await Network.SucceedTproxyAsync("up", cancellationToken);
        var during = await SessionAsync(4, cancellationToken);

        await Network.SucceedTproxyAsync("down", cancellationToken);

        Assert.That(during, Does.Contain($"you are {RouterNetwork.RouterOf(4)}\n"));
        Assert.That(await Network.RouterStateAsync(cancellationToken), Is.EqualTo(before));
        foreach (var version in new[] { 4, 6 })
            Assert.That(await SessionAsync(version, cancellationToken), Does.Contain($"you are {RouterNetwork.ClientOf(version)}\n"));
    }

    [Test, CancelAfter(60_000)]
    public async Task Up_Twice_IsTheSameAsOnce(CancellationToken cancellationToken)
    {
        await Network.SucceedTproxyAsync("up", cancellationToken);
        var once = await Network.RouterStateAsync(cancellationToken);

        await Network.SucceedTproxyAsync("up", cancellationToken);

        Assert.That(await Network.RouterStateAsync(cancellationToken), Is.EqualTo(once));
    }

    [Test, CancelAfter(60_000)]
    public async Task Up_WithOtherPorts_SessionsOfTheShieldGoOn(CancellationToken cancellationToken)
    {
        await using var shield = await StartShieldAsync(4, cancellationToken);
        await Network.SucceedTproxyAsync("up", cancellationToken);
        var session = await Network.BeginSessionAsync(cancellationToken);

        await Network.SucceedTproxyAsync("up", cancellationToken, ("SMTPSHIELD_PORTS", "26:10025"));

        Assert.That(await RouterNetwork.EndSessionAsync(session, cancellationToken), Is.EqualTo("221 2.0.0 Bye"), shield.AllLines);
        Assert.That(shield.Log.Texts, Has.Some.StartsWith("connect from"));
    }

    // Not only the first packet of a connection is diverted: with SYN cookies the shield's kernel knows a client by the third one only.
    [Test, CancelAfter(60_000)]
    public async Task Up_SessionWithoutTheShieldIsOnItsWay_IsReset(CancellationToken cancellationToken)
    {
        await using var shield = await StartShieldAsync(4, cancellationToken);
        var session = await Network.BeginSessionAsync(cancellationToken);

        await Network.SucceedTproxyAsync("up", cancellationToken);

        Assert.That(await RouterNetwork.EndSessionAsync(session, cancellationToken), Is.EqualTo("reset"));
    }

    [TestCase(4), TestCase(6), CancelAfter(60_000)]
    public async Task Connect_SynCookies_IsAnsweredThroughTheShield(int version, CancellationToken cancellationToken)
    {
        await using var shield = await StartShieldAsync(version, cancellationToken);
        await Network.ShellAsync("sysctl -qw net.ipv4.tcp_syncookies=2", cancellationToken);
        await Network.SucceedTproxyAsync("up", cancellationToken);

        Assert.That(await SessionAsync(version, cancellationToken), Does.Contain($"you are {RouterNetwork.RouterOf(version)}\n"));
    }

    [Test, CancelAfter(60_000)]
    public async Task Up_WithOtherNumbers_LeavesNothingOfTheFirst(CancellationToken cancellationToken)
    {
        var before = await Network.RouterStateAsync(cancellationToken);
        await Network.SucceedTproxyAsync("up", cancellationToken);

        await Network.SucceedTproxyAsync("up", cancellationToken, ("SMTPSHIELD_MARK", "0x1"), ("SMTPSHIELD_ROUTE_TABLE", "300"),
            ("SMTPSHIELD_RULE_PRIORITY", "300"));
        var state = await Network.RouterStateAsync(cancellationToken);
        await Network.SucceedTproxyAsync("down", cancellationToken);

        Assert.That(state, Does.Contain("fwmark 0x1/0x1 lookup 300").And.Not.Contain("2525").And.Not.Contain("0x08000000"));
        Assert.That(await Network.RouterStateAsync(cancellationToken), Is.EqualTo(before));
    }

    // Each fails later than the one before it: a setting, nft's check, a route of somebody else, half-way between IPv4 and IPv6.
    [TestCase("SMTPSHIELD_MTA_ADDRESSES=mta.example.test", "", "mta.example.test is no IP address")]
    [TestCase("SMTPSHIELD_MTA_ADDRESSES=2001:db8::2::25", "", "nft does not take the rules")]
    [TestCase("SMTPSHIELD_ROUTE_TABLE=2525", "ip route add 203.0.113.0/24 via 192.0.2.7 table 2525", "routing table 2525 is in use")]
    [TestCase("SMTPSHIELD_RULE_PRIORITY=2525", "ip -6 rule add priority 2526 fwmark 0x2 lookup main", "priority 2526 is in use")]
    [TestCase("SMTPSHIELD_ROUTE_TABLE=2525", "nft add table inet smtpshield", "there is a table inet smtpshield")]
    [TestCase("SMTPSHIELD_ROUTE_TABLE=2525", "sysctl -qw net.ipv6.conf.lo.disable_ipv6=1", "nothing is left of the attempt")]
    [CancelAfter(60_000)]
    public async Task Up_Fails_SaysWhyAndUndoesItself(string setting, string preparation, string reason, CancellationToken cancellationToken)
    {
        await Network.ShellAsync(preparation, cancellationToken);
        var before = await Network.RouterStateAsync(cancellationToken);

        var (exitCode, output) = await Network.TproxyAsync("up", cancellationToken, (setting.Split('=')[0], setting.Split('=')[1]));

        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(output, Does.Contain(reason));
        Assert.That(await Network.RouterStateAsync(cancellationToken), Is.EqualTo(before));
    }

    [Test, CancelAfter(60_000)]
    public async Task Status_DownUpAndDamaged_SaysWhich(CancellationToken cancellationToken)
    {
        var down = await Network.TproxyAsync("status", cancellationToken);
        await Network.SucceedTproxyAsync("up", cancellationToken);
        var up = await Network.TproxyAsync("status", cancellationToken);
        await Network.ShellAsync("ip rule del priority 2526", cancellationToken);
        var damaged = await Network.TproxyAsync("status", cancellationToken);
        await Network.SucceedTproxyAsync("up", cancellationToken);
        var repaired = await Network.TproxyAsync("status", cancellationToken);

        Assert.That((down.ExitCode, up.ExitCode, damaged.ExitCode, repaired), Is.EqualTo((3, 0, 1, up)));
    }

    [Test, CancelAfter(60_000)]
    public void Start_OneServiceIsTransparentWithoutTheCapability_SaysWhichAndWhatIsMissing(CancellationToken cancellationToken) =>
        Assert.That(
            async () =>
            {
                await using var shield = await ShieldProcess.StartAsync(
                    new IPEndPoint(RouterNetwork.MtaOf(4), 25),
                    new Dictionary<string, string>
                    {
                        ["shield_services"] = "smtp, diverted",
                        ["shield_listen"] = "127.0.0.1:10587",
                        ["smtp/inet/shield_listen"] = "127.0.0.1:10025",
                        ["diverted/inet/shield_listen_transparent"] = "yes",
                    },
                    cancellationToken,
                    [.. Network.OnRouter, "setpriv", "--bounding-set=-net_admin,-net_raw"]);
            },
            Throws.InvalidOperationException.With.Message.Contains(
                "fatal: bind 127.0.0.1 port 10587: shield_listen_transparent: Operation not permitted; "
                    + "a transparent socket needs the capability CAP_NET_ADMIN"));

    private Task<string> SessionAsync(int version, CancellationToken cancellationToken) =>
        Network.SessionAsync(RouterNetwork.ClientOf(version), RouterNetwork.MtaOf(version), cancellationToken);

    private Task<ShieldProcess> StartShieldAsync(int version, CancellationToken cancellationToken, params (string Name, string Value)[] parameters)
    {
        var all = new Dictionary<string, string> { ["shield_listen"] = "127.0.0.1:10025, [::1]:10025", ["shield_listen_transparent"] = "yes" };
        foreach (var (name, value) in parameters)
            all[name] = value;
        return ShieldProcess.StartAsync(new IPEndPoint(RouterNetwork.MtaOf(version), 25), all, cancellationToken, Network.OnRouter);
    }
}
