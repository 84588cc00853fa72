using System.Net;
using System.Text;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>
/// The same octets to a Postfix with <c>smtpd_upstream_proxy_protocol = haproxy</c> and to the shield: the same replies and the same log lines, but where the
/// shield is stricter on purpose.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class ProxyHeaderTests
{
    private const string Signature = "\r\n\r\n\0\r\nQUIT\n";
    private const string AddressesV4 = "\xc0\0\x02\x01\x7f\0\0\x01\xdc\x04\0\x19";
    private const string Mapped = "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x01\xdc\x04\0\x19";

    private static readonly Dictionary<string, string> s_proxied = new()
    {
        ["smtpd_upstream_proxy_protocol"] = "haproxy",
        ["smtpd_upstream_proxy_timeout"] = "2s",
    };

    private static readonly Dictionary<string, string> s_same = new()
    {
        ["version 1"] = "PROXY TCP4 192.0.2.1 127.0.0.1 1 25\r\n",
        ["version 1 with IPv6"] = "PROXY TCP6 2001:DB8:0:0::1 ::1 1 25\r\n",
        ["version 1 with mapped addresses"] = "PROXY TCP6 ::ffff:c000:201 ::ffff:7f00:1 1 25\r\n",
        ["dual-stack balancer"] = "PROXY TCP6 ::ffff:192.0.2.9 ::ffff:198.51.100.1 53740 25\r\n",
        ["dual-stack balancer in capitals"] = "PROXY TCP6 ::FFFF:192.0.2.9 ::FFFF:198.51.100.1 53740 25\r\n",
        ["mapped without a gap"] = "PROXY TCP6 0:0:0:0:0:ffff:192.0.2.9 0000:0000:0000:0000:0000:FFFF:198.51.100.1 1 25\r\n",
        ["IPv4 client, IPv6 server"] = "PROXY TCP6 ::ffff:192.0.2.9 2001:db8::1 1 25\r\n",
        ["IPv6 client, IPv4 server"] = "PROXY TCP6 2001:db8::9 ::ffff:198.51.100.1 1 25\r\n",
        ["IPv4-compatible"] = "PROXY TCP6 ::192.0.2.9 ::198.51.100.1 1 25\r\n",
        ["NAT64"] = "PROXY TCP6 64:ff9b::192.0.2.9 64:ff9b::c633:6401 1 25\r\n",
        ["IPv6 in full"] = "PROXY TCP6 2001:0db8:0000:0000:0000:0000:0000:0009 2001:DB8:0:0:0:0:0:1 1 25\r\n",
        ["IPv6 gap for one group"] = "PROXY TCP6 2001:db8::1:1:1:1:1 1:: 1 25\r\n",
        ["IPv6 under TCP4"] = "PROXY TCP4 2001:db8::9 2001:db8::1 1 25\r\n",
        ["mapped under TCP4"] = "PROXY TCP4 ::ffff:192.0.2.9 ::ffff:198.51.100.1 1 25\r\n",
        ["IPv4 server under TCP6"] = "PROXY TCP6 2001:db8::9 198.51.100.1 1 25\r\n",
        ["IPv4 under TCP6"] = "PROXY TCP6 192.0.2.9 198.51.100.1 1 25\r\n",
        ["zone id"] = "PROXY TCP6 fe80::1%lo ::1 1 25\r\n",
        ["brackets"] = "PROXY TCP6 [2001:db8::9] [::1] 1 25\r\n",
        ["leading zero in a port"] = "PROXY TCP4 192.0.2.9 198.51.100.1 01 25\r\n",
        ["leading zero in a mapped address"] = "PROXY TCP6 ::ffff:192.0.2.09 ::1 1 25\r\n",
        ["no port"] = "PROXY TCP4 192.0.2.9 198.51.100.1\r\n",
        ["lone LF"] = "PROXY TCP4 192.0.2.9 198.51.100.1 1 25\n",
        ["lone LF and IPv6"] = "PROXY TCP6 2001:db8::9 2001:db8::1 1 25\n",
        ["lone LF and early talk"] = "PROXY TCP4 192.0.2.9 198.51.100.1 1 25\nNOOP\r\n",
        ["tab"] = "PROXY TCP4\t192.0.2.9 198.51.100.1 1 25\r\n",
        ["version 1 without an end"] = "PROXY TCP4 192.0.2.1 127.0.0.1 1 25",
        ["bad protocol"] = "PROXY UDP4 192.0.2.1 127.0.0.1 1 25\r\n",
        ["UNKNOWN"] = "PROXY UNKNOWN\r\n",
        ["bad client address"] = "PROXY TCP4 1.2.3 127.0.0.1 1 25\r\n",
        ["bad server address"] = "PROXY TCP4 1.2.3.4 ::1 1 25\r\n",
        ["bad client port"] = "PROXY TCP4 1.2.3.4 127.0.0.1 65536 25\r\n",
        ["bad server port"] = "PROXY TCP4 1.2.3.4 127.0.0.1 1 x\r\n",
        ["port 0"] = "PROXY TCP4 1.2.3.4 127.0.0.1 0 25\r\n",
        ["nothing"] = "",
        ["short"] = "EHLO x\r\n",
        ["long"] = "EHLO client.example.com\r\n",
        ["version 2"] = Signature + "\x21\x11\0\x0c" + AddressesV4,
        ["version 2 with a TLV"] = Signature + "\x21\x11\0\x10" + AddressesV4 + "\x04\0\x01\0",
        ["version 2 with mapped addresses"] = Signature + "\x21\x21\0\x24" + Mapped,
        ["AWS NLB"] = Signature + "\x21\x11\0\x54\xac\x1f\x07\x71\xac\x1f\x0a\x1f\xc8\xf2\0\x50" + "\x03\0\x04\xe8\xd6\x89\x2d"
            + "\xea\0\x17\x01vpce-08d2bf15fac5001c9" + "\x04\0\x24" + new string('\0', 36),
        ["version 2 of two families"] = Signature + "\x21\x21\0\x24" + Mapped[..16] + "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xdc\x04\0\x19",
        ["UNIX"] = Signature + "\x21\x31\0\xd8" + new string('\0', 216),
        ["UNIX datagrams"] = Signature + "\x21\x32\0\xd8" + new string('\0', 216),
        ["no transport"] = Signature + "\x21\x10\0\x0c" + AddressesV4,
        ["unspecified with addresses"] = Signature + "\x21\0\0\x0c" + AddressesV4,
        ["unspecified"] = Signature + "\x21\0\0\0",
        ["command 2"] = Signature + "\x22\x11\0\x0c" + AddressesV4,
        ["version 1 in binary"] = Signature + "\x11\x11\0\x0c" + AddressesV4,
        ["UDP"] = Signature + "\x21\x12\0\x0c" + AddressesV4,
        ["short addresses"] = Signature + "\x21\x11\0\x04" + AddressesV4[..4],
        ["truncated"] = Signature + "\x21\x11\0\x0c" + AddressesV4[..7],
        ["truncated early"] = Signature + "\x21\x11",
        ["early talk"] = "PROXY TCP4 192.0.2.1 127.0.0.1 1 25\r\nNOOP\r\n",
    };

    // Postfix looks at what has come with the first segment; the shield waits for the rest, so these end there.
    private static readonly string[] s_ended = ["nothing", "version 1 without an end", "truncated", "truncated early"];

    private static readonly Dictionary<string, (string Octets, string Fault)> s_stricter = new()
    {
        ["leading zero"] = ("PROXY TCP4 01.2.3.4 127.0.0.1 1 25\r\n", "bad or missing client address"),
        ["two blanks"] = ("PROXY  TCP4 192.0.2.1 127.0.0.1 1 25\r\n", "bad or missing protocol type"),
        ["lower case"] = ("PROXY tcp4 192.0.2.9 127.0.0.1 1 25\r\n", "bad or missing protocol type"),
        ["blank at the end"] = ("PROXY TCP4 192.0.2.9 127.0.0.1 1 25 \r\n", "bad or missing server port"),
        ["word at the end"] = ("PROXY TCP4 192.0.2.9 127.0.0.1 1 25 x\r\n", "bad or missing server port"),
        ["two CR"] = ("PROXY TCP4 192.0.2.9 127.0.0.1 1 25\r\r\n", "bad or missing server port"),
        ["108 octets"] = ("PROXY TCP4 192.0.2.9 127.0.0.1 1 25 " + new string('x', 70) + "\r\n", "missing protocol header terminator"),
        ["TLV beyond the header"] = (Signature + "\x21\x11\0\x0f" + AddressesV4 + "\x04\xff\xff", "bad TLV length"),
        ["wrong checksum"] = (Signature + "\x21\x11\0\x13" + AddressesV4 + "\x03\0\x04\0\0\0\0", "bad CRC32C checksum"),
    };

    private PostfixInstance? _postfix;
    private ShieldProcess? _shield;

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    private ShieldProcess Shield => _shield ?? throw new InvalidOperationException("The shield was not started");

    private static IEnumerable<string> Same => s_same.Keys;

    private static IEnumerable<string> Stricter => s_stricter.Keys;

    [OneTimeSetUp]
    public async Task StartServers()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        var alone = new Dictionary<string, string>(s_proxied) { ["inet_protocols"] = "all" };
        _postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind"), new("proxied", alone)], cancellationToken);
        _shield = await ShieldProcess.StartAsync(
            _postfix.EndPointOf("behind"),
            new Dictionary<string, string>(s_proxied) { ["shield_proxy_sources"] = "127.0.0.0/8", ["shield_proxy_unknown"] = "refuse",
                ["smtpd_forbid_unauth_pipelining"] = "no" },
            cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        if (_shield is not null)
            await _shield.DisposeAsync();
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    [TestCaseSource(nameof(Same))]
    [CancelAfter(60_000)]
    public async Task Connect_SameOctets_SameReplyAndLogLines(string name, CancellationToken cancellationToken)
    {
        var expected = await SessionAsync(Postfix.EndPointOf("proxied"), Postfix.LogOf("proxied"), s_same[name], cancellationToken);
        var found = await SessionAsync(Shield.EndPoint, Shield.Log, s_same[name], cancellationToken);

        Assert.That(found.Replies, Is.EqualTo(expected.Replies));
        Assert.That(found.Lines, Is.EqualTo(expected.Lines));
    }

    [Test]
    [Property("Hazard", "ID-3")]
    [CancelAfter(60_000)]
    public async Task Connect_NothingSent_SameReplyAndLogLinesWhenTheTimeIsUp(CancellationToken cancellationToken)
    {
        var expected = await SessionAsync(Postfix.EndPointOf("proxied"), Postfix.LogOf("proxied"), null, cancellationToken);
        var found = await SessionAsync(Shield.EndPoint, Shield.Log, null, cancellationToken);

        Assert.That(found.Replies, Is.EqualTo(expected.Replies));
        Assert.That(found.Lines, Is.EqualTo(expected.Lines));
        Assert.That(found.Lines, Has.Member("warning: haproxy read: timeout error"));
    }

    [Test]
    [Property("Hazard", "ID-10")]
    [CancelAfter(60_000)]
    public async Task Connect_Local_SameReplyAndNoLogLines(CancellationToken cancellationToken)
    {
        const string Local = Signature + "\x20\0\0\x04\x04\0\x01\0";
        var from = Shield.Log.FromHere();
        var expected = await SessionAsync(Postfix.EndPointOf("proxied"), Postfix.LogOf("proxied"), Local, cancellationToken);
        Assert.That(await RepliesAsync(Shield.EndPoint, Local, cancellationToken), Is.EqualTo(expected.Replies));

        // Whatever it had to say comes before the next session.
        await SessionAsync(Shield.EndPoint, Shield.Log, s_same["version 1"], cancellationToken);
        Assert.That(from.Texts, Has.Count.EqualTo(2).And.All.Contains("192.0.2.1"));
    }

    [Property("Hazard", "ID-4")]
    [Property("Hazard", "ID-8")]
    [TestCaseSource(nameof(Stricter))]
    [CancelAfter(60_000)]
    public async Task Connect_HeaderTwoReceiversReadDifferently_IsRefusedWherePostfixGreets(string name, CancellationToken cancellationToken)
    {
        var (octets, fault) = s_stricter[name];
        var lenient = await SessionAsync(Postfix.EndPointOf("proxied"), Postfix.LogOf("proxied"), octets, cancellationToken);
        var strict = await SessionAsync(Shield.EndPoint, Shield.Log, octets, cancellationToken);

        Assert.That(lenient.Replies, Does.StartWith("220 "));
        Assert.That(strict.Replies, Is.EqualTo($"421 4.3.0 {PostfixInstance.HostName} Server local error\r\n"));
        Assert.That(strict.Lines[0], Does.StartWith($"warning: haproxy read: {fault}: "));
        Assert.That(strict.Lines, Has.Count.EqualTo(3));
    }

    private static async Task<(string Replies, IReadOnlyList<string> Lines)> SessionAsync(
        IPEndPoint server, MailLog log, string? octets, CancellationToken cancellationToken)
    {
        var from = log.FromHere();
        var replies = await RepliesAsync(server, octets, cancellationToken);
        await from.WaitForDisconnectsAsync(1, cancellationToken);
        return (replies, [.. from.Texts.Where(text => !text.StartsWith("warning: dict_nis_init", StringComparison.Ordinal))]);
    }

    // Without octets it waits until the server's patience ends.
    private static async Task<string> RepliesAsync(IPEndPoint server, string? octets, CancellationToken cancellationToken)
    {
        await using var client = RawSmtpClient.ConnectAndSend(server, IPAddress.Loopback, Encoding.Latin1.GetBytes(octets ?? ""));
        if (s_same.Any(header => header.Value == octets && s_ended.Contains(header.Key)))
            client.EndSending();
        var greeting = await client.ReplyAsync(cancellationToken) + "\r\n";
        if (!greeting.StartsWith("220 ", StringComparison.Ordinal))
            return greeting + await client.ReadToEndAsync(cancellationToken);
        await client.SendAsync("QUIT\r\n", cancellationToken);
        return greeting + await client.ReadToEndAsync(cancellationToken);
    }
}
