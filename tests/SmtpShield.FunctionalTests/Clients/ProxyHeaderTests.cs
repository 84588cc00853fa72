using System.Net;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Clients;

/// <summary><c>smtpd_upstream_proxy_protocol</c>: 127.0.0.1 is the proxy, the client is who its header says.</summary>
[CancelAfter(60_000)]
internal sealed class ProxyHeaderTests
{
    // Test cases are told apart by their text, which octets like these are not safe in.
    private static readonly Dictionary<string, string> _headers = new()
    {
        ["version 1"] = Client,
        ["version 2"] = ClientVersion2,
        ["version 2 with mapped addresses"] = Signature
            + "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x02\0\x01\0\x19",
        ["another client"] = "PROXY TCP4 192.0.2.2 198.51.100.1 1 25\r\n",
        ["UNKNOWN"] = "PROXY UNKNOWN\r\n",
        ["UNKNOWN anything"] = "PROXY UNKNOWN anything\r\n",
        ["unspecified"] = Signature + "\x21\0\0\0",
        ["loopback"] = "PROXY TCP4 127.0.0.9 198.51.100.1 1 25\r\n",
        ["mapped loopback"] = "PROXY TCP6 ::ffff:127.0.0.9 ::ffff:198.51.100.1 1 25\r\n",
        ["IPv6 loopback"] = "PROXY TCP6 ::1 2001:db8::19 1 25\r\n",
        ["the proxy"] = "PROXY TCP4 127.0.0.1 198.51.100.1 1 25\r\n",
        ["LOCAL"] = Local,
        ["LOCAL with TLVs"] = Signature + "\x20\0\0\x07\x04\0\x04xxxx",
        ["nothing"] = "",
        ["part of version 1"] = "PROXY TCP4 ",
        ["part of version 2"] = Signature,
        ["short"] = "EHLO x\r\n",
        ["long"] = "EHLO client.example.com\r\n",
        ["malformed"] = "PROXY TCP4 01.2.3.4 198.51.100.1 1 25\r\n",
        ["65535 octets"] = Signature + "\x21\x11\xff\xff",
    };

    private const string Client = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n";
    private const string Signature = "\r\n\r\n\0\r\nQUIT\n";
    private const string ClientVersion2 = Signature + "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\0\x19";
    private const string Local = Signature + "\x20\0\0\0";
    private const string Refused = "421 4.3.0 mail.example.com Server local error\r\n";

    private ScriptedMta _mta = null!;

    [SetUp]
    public void Create()
    {
        _mta = new();
        _mta.Serve(static async connection =>
        {
            await connection.SendAsync("220 mx\r\n", CancellationToken.None);
            while (await connection.ReadLineAsync(CancellationToken.None) is { } line)
                await connection.SendAsync(line == "QUIT" ? "221 bye\r\n" : line.StartsWith("PROXY", StringComparison.Ordinal) ? "502 what?\r\n" : "250 ok\r\n",
                    CancellationToken.None);
            connection.Close();
        });
    }

    [TearDown]
    public Task DisposeAsync() => _mta.DisposeAsync().AsTask();

    [TestCase("version 1", false), TestCase("version 1", true)]
    [TestCase("version 2", false), TestCase("version 2", true)]
    public async Task Connect_Header_IsTheClient(string header, bool isSplit, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken);
        await using var client = await shield.ConnectAsync(cancellationToken);
        foreach (var part in isSplit ? _headers[header].Select(static octet => octet.ToString()) : [_headers[header]])
            await client.SendAsync(part, cancellationToken);

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
        Assert.That(await client.CommandAsync("NOOP", cancellationToken), Is.EqualTo("250 ok"));
        Assert.That(await client.CommandAsync("QUIT", cancellationToken), Is.EqualTo("221 bye"));
        await EndedAsync(client, cancellationToken);
        await Eventually.HoldsAsync(() => shield.Log.Lines.Contains("disconnect from unknown[192.0.2.1] noop=1 quit=1 commands=2"), TimeSpan.FromSeconds(20),
            "the session is logged", cancellationToken);
        Assert.That(shield.Log.Lines.Where(line => line.Contains("connect from", StringComparison.Ordinal)), Has.None.Contains("127.0.0.1"));
    }

    [Test]
    [Property("Hazard", "ID-1")]
    public async Task Connect_UnlistedPeer_IsClosedWithoutAWord(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await using var shield = await ShieldUnderTest.StartAsync(Options(options => options with { Sources = AddressPatternList.Parse("192.0.2.0/24") }),
            cancellationToken, time);
        for (var i = 0; i < 3; i++)
        {
            await using var client = RawSmtpClient.ConnectAndSend(shield.EndPoint, IPAddress.Loopback, System.Text.Encoding.Latin1.GetBytes(Client));
            await EndedAsync(client, cancellationToken);
            if (i == 1)
                time.Advance(TimeSpan.FromSeconds(60));
        }

        const string Warning = "connection from [127.0.0.1] closed: not in shield_proxy_sources of service smtp";
        Assert.That(shield.Log.Lines, Is.EqualTo(new[] { Warning, Warning }), "at most once in 60 s");
        Assert.That(_mta.HasWaiting, Is.False);
    }

    [Test]
    [Property("Hazard", "ID-1")]
    public async Task Command_HeaderOnAPlainListener_IsACommandLikeAnyOther(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(
            Options(options => options with { Protocol = UpstreamProxyProtocol.None }), cancellationToken);
        await using var client = await shield.ConnectAsync(cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));

        Assert.That(await client.CommandAsync(Client[..^2], cancellationToken), Is.EqualTo("502 what?"));
        Assert.That(shield.Log.Lines, Is.EqualTo(new[] { "connect from unknown[127.0.0.1]" }));
    }

    [Property("Hazard", "ID-2")]
    [TestCase("short", "short protocol header: EHLO x\\r\\n")]
    [TestCase("long", "unrecognized protocol header: EHLO client.example.com\\r\\n")]
    [TestCase("malformed", "bad or missing client address: PROXY TCP4 01.2.3.4 198.51.100.1 1 25\\r\\n")]
    [TestCase("65535 octets", "long version 2 protocol header: \\r\\n\\r\\n\\000\\r\\nQUIT\\n!\\021\\377\\377")]
    public async Task Connect_NoHeader_IsRefused(string octets, string reason, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken);
        await using var client = RawSmtpClient.ConnectAndSend(shield.EndPoint, IPAddress.Loopback, System.Text.Encoding.Latin1.GetBytes(_headers[octets]));

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Refused));
        await AssertRefusedAsync(shield, reason, cancellationToken);
    }

    [TestCase("nothing", "EOF")]
    [TestCase("part of version 1", "missing protocol header terminator: PROXY TCP4 ")]
    [TestCase("part of version 2", "short protocol header: \\r\\n\\r\\n\\000\\r\\nQUIT\\n")]
    public async Task Connect_EndWithinTheHeader_IsRefused(string octets, string reason, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken);
        await using var client = await shield.ConnectAsync(cancellationToken);
        await client.SendAsync(_headers[octets], cancellationToken);
        client.EndSending();

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Refused));
        await AssertRefusedAsync(shield, reason, cancellationToken);
    }

    [Test]
    [Property("Hazard", "ID-3")]
    public async Task Connect_OneOctetASecond_IsRefusedWhenTheTimeIsUp(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken, time);
        await using var client = await shield.ConnectAsync(cancellationToken);
        await Eventually.HoldsAsync(() => time.NextDueOf(Options().Proxy.Timeout) is not null, TimeSpan.FromSeconds(20), "the header is awaited",
            cancellationToken);
        foreach (var octet in "PROX")
        {
            await client.SendAsync(octet.ToString(), cancellationToken);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        time.Advance(TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1));
        Assert.That(shield.Log.Lines, Is.Empty);
        time.Advance(TimeSpan.FromTicks(1));

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Refused));
        await AssertRefusedAsync(shield, "timeout error", cancellationToken);
    }

    [Property("Hazard", "ID-5")]
    [TestCase("UNKNOWN")]
    [TestCase("UNKNOWN anything")]
    [TestCase("unspecified")]
    public async Task Connect_Unknown_IsTheProxyItselfOrRefused(string header, CancellationToken cancellationToken)
    {
        await using (var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken))
        {
            await using var client = await ConnectAsync(shield, _headers[header], cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
            Assert.That(shield.Log.Lines, Is.EqualTo(new[] { "connect from unknown[127.0.0.1]" }));
            Assert.That(shield.CountedConnections, Is.EqualTo(1));
        }

        await using var strict = await ShieldUnderTest.StartAsync(Options(options => options with { Unknown = ProxyUnknownPolicy.Refuse }), cancellationToken);
        await using var refused = await ConnectAsync(strict, _headers[header], cancellationToken);
        Assert.That(await refused.ReadToEndAsync(cancellationToken), Is.EqualTo(Refused));
    }

    // The list is what $mynetworks is by default, and more.
    [TestCase("UNKNOWN", "127.0.0.1")]
    [TestCase("unspecified", "127.0.0.1")]
    [TestCase("loopback", "127.0.0.9")]
    [TestCase("mapped loopback", "127.0.0.9")]
    [TestCase("IPv6 loopback", "::1")]
    [TestCase("the proxy", "127.0.0.1")]
    [Property("Hazard", "ID-1")]
    public async Task Connect_HeaderWithAnAddressOfTheProxys_IsExemptOnlyByTheListForIt(string header, string address, CancellationToken cancellationToken)
    {
        var options = Options();
        options = options with { Limits = options.Limits with { ClientConnectionCountLimit = 0, ClientConnectionRateLimit = 2,
            ClientEventLimitExceptions = AddressPatternList.Parse("127.0.0.0/8, [::1]/128, 192.0.2.1") } };
        await using (var shield = await ShieldUnderTest.StartAsync(options, cancellationToken))
        {
            for (var i = 1; i <= 6; i++)
            {
                await using var client = await ConnectAsync(shield, _headers[header], cancellationToken);
                Assert.That(await client.ReplyAsync(cancellationToken),
                    Is.EqualTo(i <= 2 ? "220 mx" : $"421 4.7.0 mail.example.com Error: too many connections from {address}"), $"connection {i}");
                await using var exempt = await ConnectAsync(shield, Client, cancellationToken);
                Assert.That(await exempt.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"), "a client of the list whom the header names");
            }
        }

        options = options with { Proxy = options.Proxy with { EventLimitExceptions = AddressPatternList.Parse("127.0.0.0/8, [::1]") } };
        await using var trusting = await ShieldUnderTest.StartAsync(options, cancellationToken);
        for (var i = 1; i <= 6; i++)
        {
            await using var client = await ConnectAsync(trusting, _headers[header], cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"), $"connection {i}");
        }
    }

    // The connection of a check is not counted, and still may come when the proxy is over its limit; mail in it is counted as the proxy's.
    [Test]
    [Property("Hazard", "ID-7")]
    public async Task Command_MailInAHealthCheck_IsCounted(CancellationToken cancellationToken)
    {
        var options = Options();
        options = options with { Limits = options.Limits with { ClientConnectionCountLimit = 0, ClientConnectionRateLimit = 2, ClientMessageRateLimit = 1,
            ClientEventLimitExceptions = AddressPatternList.Parse("127.0.0.0/8") } };
        await using var shield = await ShieldUnderTest.StartAsync(options, cancellationToken);
        for (var i = 1; i <= 6; i++)
        {
            await using var client = await ConnectAsync(shield, _headers["LOCAL"], cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"), $"check {i}");
            Assert.That(await client.CommandAsync("EHLO x", cancellationToken), Is.EqualTo("250 ok"));
            Assert.That(await client.CommandAsync("MAIL FROM:<a@b.example>", cancellationToken),
                i == 1 ? Is.EqualTo("250 ok") : Is.EqualTo("450 Error: too much mail from 127.0.0.1"));
        }
    }

    [Property("Hazard", "ID-7")]
    [Property("Hazard", "ID-10")]
    [TestCase("LOCAL")]
    [TestCase("LOCAL with TLVs")]
    public async Task Connect_Local_IsGreetedAndNeitherCountedNorLogged(string header, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken);
        await using var client = await ConnectAsync(shield, _headers[header], cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
        await using var second = await ConnectAsync(shield, _headers[header], cancellationToken);
        Assert.That(await second.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"), "beyond the limit of one");
        Assert.That(shield.CountedConnections, Is.Zero);
        Assert.That(await client.CommandAsync("HELO x", cancellationToken), Is.EqualTo("250 ok"));
        Assert.That(await client.CommandAsync("QUIT", cancellationToken), Is.EqualTo("221 bye"));
        await EndedAsync(client, cancellationToken);
        await second.VanishAsync(reset: true);

        await Eventually.HoldsAsync(() => shield.Drain.Connections == 0, TimeSpan.FromSeconds(20), "both have ended", cancellationToken);
        Assert.That(shield.Log.Lines, Is.Empty);
    }

    // A load balancer's check that is cut off: its reset is not passed on, nor is what the MTA said and nobody took answered by one.
    [TestCase(ClientHandoff.ProxyV1, "220 mx\r\n")]
    [TestCase(ClientHandoff.ProxyV2, "220 mx\r\n")]
    [TestCase(ClientHandoff.ProxyV2, "what?\r\nwhat?\r\n")]
    [TestCase(ClientHandoff.ProxyV2, "421 4.3.2 not now\r\nwhat?\r\n")]
    public async Task Connect_LocalCutOffBeforeTheGreeting_TheMtaSeesAnOrderlyEnd(ClientHandoff handoff, string greeting, CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await ShieldUnderTest.StartAsync(
            Options() with { Upstream = ShieldUnderTest.Before(mta).Upstream with { ClientHandoff = handoff } }, cancellationToken);
        await using var client = await ConnectAsync(shield, Local, cancellationToken);
        await using var session = await mta.AcceptAsync(cancellationToken);
        await session.ReadThroughAsync(handoff == ClientHandoff.ProxyV1 ? "\r\n" : "QUIT\n", cancellationToken);

        await client.VanishAsync(reset: true);
        await session.SendAsync(greeting, cancellationToken);

        Assert.That(await session.Ended.WaitAsync(cancellationToken), Is.EqualTo(MtaEnding.Fin));
        await Eventually.HoldsAsync(() => shield.Drain.Connections == 0, TimeSpan.FromSeconds(20), "the session is over", cancellationToken);
        Assert.That(session.IsReset, Is.False);
    }

    // HAProxy's checks with send-proxy: version 1 has no LOCAL.
    [Property("Hazard", "ID-10")]
    [TestCase(true)]
    [TestCase(false)]
    public async Task Connect_Version1NamesTheConnectionItself_IsLocal(bool isSame, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken);
        await using var client = await shield.ConnectAsync(cancellationToken);
        await client.SendAsync($"PROXY TCP4 127.0.0.1 127.0.0.1 {client.LocalEndPoint.Port} {shield.EndPoint.Port ^ (isSame ? 0 : 1)}\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));

        Assert.That(shield.CountedConnections, Is.EqualTo(isSame ? 0 : 1));
        Assert.That(shield.Log.Lines, Has.Count.EqualTo(isSame ? 0 : 1));
    }

    [Property("Hazard", "ID-9")]
    [TestCase("version 1", false), TestCase("version 1", true)]
    [TestCase("version 2", false), TestCase("version 2", true)]
    public async Task Connect_TalkBehindTheHeader_IsEarlyTalk(string header, bool isAllowed, CancellationToken cancellationToken)
    {
        var options = Options();
        await using var shield = await ShieldUnderTest.StartAsync(
            options with { Smtpd = options.Smtpd with { ForbidUnauthPipelining = !isAllowed } }, cancellationToken);
        await using var client = RawSmtpClient.ConnectAndSend(
            shield.EndPoint, IPAddress.Loopback, System.Text.Encoding.Latin1.GetBytes(_headers[header] + "NOOP x\r\n"));

        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(isAllowed ? "220 mx" : "554 5.5.0 Error: SMTP protocol synchronization"));
        if (isAllowed)
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"), "nothing of it is lost");
        await Eventually.HoldsAsync(
            () => shield.Log.Lines.Contains("improper command pipelining after CONNECT from unknown[192.0.2.1]: NOOP x\\r\\n"), TimeSpan.FromSeconds(20),
            "it is logged", cancellationToken);
    }

    [Property("Hazard", "ID-13")]
    [TestCase("version 1", "192.0.2.1", true)]
    [TestCase("version 2 with mapped addresses", "192.0.2.1", true)]
    [TestCase("another client", "192.0.2.2", false)]
    public async Task Connect_SecondConnection_IsCountedForTheRealClient(string header, string address, bool isOverLimit, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken);
        await using var first = await ConnectAsync(shield, Client, cancellationToken);
        Assert.That(await first.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
        await using var second = await ConnectAsync(shield, _headers[header], cancellationToken);

        Assert.That(await second.ReplyAsync(cancellationToken),
            Is.EqualTo(isOverLimit ? $"421 4.7.0 mail.example.com Error: too many connections from {address}" : "220 mx"));
        Assert.That(shield.Log.Lines, Has.Member($"connect from unknown[{address}]"));
    }

    [Test]
    [Property("Hazard", "ID-15")]
    public async Task Connect_AddressesOfOnePrefix_AreOneClient(CancellationToken cancellationToken)
    {
        var options = Options();
        await using var shield = await ShieldUnderTest.StartAsync(
            options with { Anvil = options.Anvil with { ClientIPv6PrefixLength = 64 } }, cancellationToken);
        await using var first = await ConnectAsync(shield, "PROXY TCP6 2001:db8::1 2001:db8::19 1 25\r\n", cancellationToken);
        Assert.That(await first.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));

        for (var i = 2; i < 102; i++)
        {
            await using var next = await ConnectAsync(shield, $"PROXY TCP6 2001:db8::{i:x}:0:0:1 2001:db8::19 1 25\r\n", cancellationToken);
            Assert.That(await next.ReplyAsync(cancellationToken), Does.StartWith("421 4.7.0 "));
        }

        await using var other = await ConnectAsync(shield, "PROXY TCP6 2001:db8:0:1::1 2001:db8::19 1 25\r\n", cancellationToken);
        Assert.That(await other.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
    }

    [Test]
    [Property("Hazard", "ID-16")]
    public async Task Connect_ThousandFailedHeaders_LeaveNoConnectionAndNoCount(CancellationToken cancellationToken)
    {
        string[] starts = ["", "PROX", "PROXY TCP4 1.2.3.4 ", "EHLO x\r\n", Signature, Client[..^1], ClientVersion2[..^1], Client, ClientVersion2, Local];
        var options = Options();
        await using var shield = await ShieldUnderTest.StartAsync(
            options with { Listener = options.Listener with { DefaultProcessLimit = 20 } }, cancellationToken);

        await Parallel.ForAsync(0, 1000, new ParallelOptions { MaxDegreeOfParallelism = 10, CancellationToken = cancellationToken }, async (number, token) =>
        {
            await using var client = await shield.ConnectAsync(token);
            await client.SendAsync(starts[number % starts.Length], token);
            await client.VanishAsync(reset: number / starts.Length % 2 == 0);
        });

        await Eventually.HoldsAsync(() => shield.Drain.Connections == 0, TimeSpan.FromSeconds(20), "no connection is left", cancellationToken);
        Assert.That(shield.CountedConnections, Is.Zero);
        await using var client = await ConnectAsync(shield, Client, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
        Assert.That(shield.Log.Errors, Is.Empty);
    }

    private static async Task<RawSmtpClient> ConnectAsync(ShieldUnderTest shield, string header, CancellationToken cancellationToken)
    {
        var client = await shield.ConnectAsync(cancellationToken);
        await client.SendAsync(header, cancellationToken);
        return client;
    }

    private static async Task EndedAsync(RawSmtpClient client, CancellationToken cancellationToken)
    {
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
        client.EndSending();
    }

    private static async Task AssertRefusedAsync(ShieldUnderTest shield, string reason, CancellationToken cancellationToken)
    {
        await Eventually.HoldsAsync(() => shield.Log.Lines.Count >= 3, TimeSpan.FromSeconds(20), "three lines", cancellationToken);
        Assert.That(shield.Log.Lines,
            Is.EqualTo(new[] { "haproxy read: " + reason, "connect from unknown[127.0.0.1]", "disconnect from unknown[127.0.0.1] commands=0/0" }));
    }

    private ShieldOptions Options(Func<ProxyOptions, ProxyOptions>? change = null)
    {
        var options = ShieldUnderTest.Before(_mta);
        var proxy = new ProxyOptions { Protocol = UpstreamProxyProtocol.Haproxy, Sources = AddressPatternList.Parse("127.0.0.0/8") };
        return options with { Proxy = change?.Invoke(proxy) ?? proxy, Limits = options.Limits with { ClientConnectionCountLimit = 1 } };
    }
}
