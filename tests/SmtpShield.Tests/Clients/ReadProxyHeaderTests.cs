using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Testing;
using SmtpShield.Tests.Listening;

namespace SmtpShield.Tests.Clients;

[CancelAfter(20_000)]
public class ReadProxyHeaderTests
{
    private static readonly IPEndPoint _proxy = new(IPAddress.Parse("10.0.0.1"), 4711);
    private static readonly IPEndPoint _own = new(IPAddress.Parse("10.0.0.2"), 25);

    private FakeLogger<ReadProxyHeader> _log = null!;

    private TestProcessLimit _limit = null!;

    [SetUp]
    public void Create()
    {
        _log = new();
        _limit = new(new(new()));
    }

    [TearDown]
    public void Dispose() => _limit.Dispose();

    [Test]
    [Property("Hazard", "ID-9")]
    public async Task Invoke_Header_ReplacesBothAddressesAndLeavesTheRest()
    {
        await using var connection = await ConnectionAsync("PROXY TCP6 2001:db8::1 2001:db8::19 56324 25\r\n\u0016\u0003\u0001");
        var rest = "";
        ProxyConnection? proxy = null;

        await StageOf(WithProxy).InvokeAsync(connection, async next =>
        {
            proxy = next.Proxy;
            rest = Encoding.Latin1.GetString((await next.Connection.Transport.Input.ReadAsync()).Buffer.FirstSpan);
        });

        Assert.That((connection.RemoteEndPoint, connection.LocalEndPoint),
            Is.EqualTo(((EndPoint)IPEndPoint.Parse("[2001:db8::1]:56324"), (EndPoint)IPEndPoint.Parse("[2001:db8::19]:25"))));
        Assert.That(proxy, Is.EqualTo(new ProxyConnection()));
        Assert.That(rest, Is.EqualTo("\u0016\u0003\u0001"));
    }

    [Test]
    [Property("Hazard", "ID-1")]
    public async Task Invoke_ServiceWithoutProxy_ReadsNothing()
    {
        await using var connection = await ConnectionAsync("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n");
        var isUntouched = false;
        ProxyConnection? proxy = null;

        await StageOf(new()).InvokeAsync(connection, next =>
        {
            proxy = next.Proxy;
            return Task.FromResult(isUntouched = next.Connection.Transport.Input.TryRead(out var read) && read.Buffer.FirstSpan.StartsWith("PROXY"u8));
        });

        Assert.That(isUntouched);
        Assert.That((connection.RemoteEndPoint, connection.LocalEndPoint), Is.EqualTo(((EndPoint)_proxy, (EndPoint)_own)));
        Assert.That(proxy, Is.SameAs(ProxyConnection.None));
    }

    [TestCase("10.0.0.0/24", true)]
    [TestCase("!10.0.0.1, 10.0.0.0/24", false)]
    [TestCase("10.0.1.0/24", false)]
    [TestCase("unknown", false)]
    [Property("Hazard", "ID-1")]
    public async Task Invoke_Peer_PassesIfItIsListed(string sources, bool passes)
    {
        await using var connection = await ConnectionAsync("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n");
        var hasPassed = false;

        await StageOf(WithProxy with { Sources = AddressPatternList.Parse(sources) }).InvokeAsync(connection, _ => Task.FromResult(hasPassed = true));

        Assert.That(hasPassed, Is.EqualTo(passes));
    }

    [Test]
    [Property("Hazard", "ID-13")]
    public async Task Invoke_PeerOnADualStackSocket_IsListedByItsIPv4Address()
    {
        await using var connection = await ConnectionAsync("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n");
        connection.RemoteEndPoint = new IPEndPoint(IPAddress.Parse("::ffff:10.0.0.1"), 4711);

        await StageOf(WithProxy).InvokeAsync(connection, _ => Task.CompletedTask);

        Assert.That(connection.RemoteEndPoint, Is.EqualTo(IPEndPoint.Parse("192.0.2.1:56324")));
    }

    [Test]
    public async Task Invoke_MalformedHeader_KeepsTheSocketsAddresses()
    {
        await using var connection = await ConnectionAsync("EHLO x\r\n");

        ProxyConnection? proxy = null;
        await StageOf(WithProxy).InvokeAsync(connection, next =>
        {
            foreach (var note in next.Notes)
                note(log => log);
            return Task.FromResult(proxy = next.Proxy);
        });

        Assert.That((connection.RemoteEndPoint, connection.LocalEndPoint), Is.EqualTo(((EndPoint)_proxy, (EndPoint)_own)));
        Assert.That(proxy, Is.EqualTo(new ProxyConnection(IsLocal: false, IsProxy: false, HasFailed: true)));
        Assert.That(_log.Lines, Is.EqualTo(new[] { "Warning: haproxy read: short protocol header: EHLO x\\r\\n" }));
    }

    [Test]
    [Property("Hazard", "ID-16")]
    public async Task Invoke_AnyEnd_LeavesNoTimer()
    {
        var time = new FakeTimeProvider();
        foreach (var header in new[] { "PROXY UNKNOWN\r\n", "EHLO x\r\n" })
        {
            await using var connection = await ConnectionAsync(header);
            await StageOf(WithProxy, time).InvokeAsync(connection, _ =>
            {
                Assert.That(time.ActiveTimers, Is.Zero);
                return Task.CompletedTask;
            });
        }
    }

    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n", false)]
    [TestCase("PROXY TCP6 2001:db8::1 2001:db8::19 56324 25\r\n", false)]
    [TestCase("PROXY TCP4 10.0.0.3 10.0.0.2 56324 25\r\n", false, TestName = "Beside the proxy")]
    [TestCase("PROXY UNKNOWN\r\n", true)]
    [TestCase("\r\n\r\n\0\r\nQUIT\n\x21\0\0\0", true, TestName = "Unspecified")]
    [TestCase("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", true, TestName = "LOCAL")]
    [TestCase("PROXY TCP4 127.0.0.1 198.51.100.1 56324 25\r\n", true)]
    [TestCase("PROXY TCP4 127.255.255.254 198.51.100.1 56324 25\r\n", true)]
    [TestCase("PROXY TCP4 0.0.0.0 198.51.100.1 56324 25\r\n", true)]
    [TestCase("PROXY TCP6 ::1 2001:db8::19 56324 25\r\n", true)]
    [TestCase("PROXY TCP6 :: 2001:db8::19 56324 25\r\n", true)]
    [TestCase("PROXY TCP6 ::ffff:127.0.0.1 2001:db8::19 56324 25\r\n", true)]
    [TestCase("PROXY TCP4 10.0.0.1 198.51.100.1 56324 25\r\n", true)]
    [TestCase("PROXY TCP6 ::ffff:a00:1 ::ffff:198.51.100.1 56324 25\r\n", true)]
    [TestCase("PROXY TCP4 192.0.2.8 192.0.2.8 56324 25\r\n", true, TestName = "The proxy host's other address")]
    [Property("Hazard", "ID-1")]
    public async Task Invoke_AddressThatMayBeTheProxys_IsMarked(string header, bool isProxy)
    {
        await using var connection = await ConnectionAsync(header);

        ProxyConnection? proxy = null;
        await StageOf(WithProxy).InvokeAsync(connection, next => Task.FromResult(proxy = next.Proxy));

        Assert.That(proxy?.IsProxy, Is.EqualTo(isProxy));
    }

    // So that nobody whom the proxy can't name goes uncounted for ever.
    [Test]
    [Property("Hazard", "ID-7")]
    public async Task Invoke_MoreChecksThanProxiesMake_AreClients()
    {
        var time = new FakeTimeProvider();
        var stage = StageOf(WithProxy, time);
        var end = new TaskCompletionSource();
        List<Task> open = [];
        for (var i = 0; i < HealthChecks.MostAtOnce; i++)
            open.Add(CheckAsync(end.Task, isCheck: true));
        await CheckAsync(Task.CompletedTask, isCheck: false);
        end.SetResult();
        await Task.WhenAll(open);
        for (var i = HealthChecks.MostAtOnce; i < HealthChecks.MostInWindow; i++)
            await CheckAsync(Task.CompletedTask, isCheck: true);
        await CheckAsync(Task.CompletedTask, isCheck: false);
        Assert.That(_log.Lines,
            Is.EqualTo(new[] { "Warning: more than 50 health checks at once or 3000 in 60 s: further ones are clients of service smtp" }), "once in 60 s");

        time.Advance(HealthChecks.Window);
        await CheckAsync(Task.CompletedTask, isCheck: true);

        async Task CheckAsync(Task end, bool isCheck)
        {
            await using var connection = await ConnectionAsync("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
            await stage.InvokeAsync(connection, next =>
            {
                Assert.That(next.Proxy, Is.EqualTo(new ProxyConnection(IsLocal: isCheck, IsProxy: true)));
                return end;
            });
        }
    }

    private static ProxyOptions WithProxy => new() { Protocol = UpstreamProxyProtocol.Haproxy, Sources = AddressPatternList.Parse("10.0.0.1") };

    private ReadProxyHeader StageOf(ProxyOptions options, FakeTimeProvider? time = null) =>
        new(new("smtp", new(new ShieldOptions { Proxy = options })), new([_limit.Limit]), time ?? new(), _log);

    private static async Task<DefaultConnectionContext> ConnectionAsync(string octets)
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync(Encoding.Latin1.GetBytes(octets));
        return new DefaultConnectionContext { RemoteEndPoint = _proxy, LocalEndPoint = _own, Transport = new DuplexPipe(pipe.Reader, new Pipe().Writer) };
    }

    private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
