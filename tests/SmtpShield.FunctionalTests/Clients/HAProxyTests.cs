using System.Net;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Clients;

/// <summary>A real HAProxy in front of the shield: who its clients are, and what its health checks leave behind.</summary>
[CancelAfter(120_000)]
internal sealed class HAProxyTests
{
    private const int Checks = 1000;
    private const int Servers = 4;
    private static readonly IPAddress s_client = IPAddress.Parse("127.1.0.1");
    private static readonly IPAddress s_other = IPAddress.Parse("127.1.0.2");

    private ScriptedMta _mta = null!;
    private int _sessions;

    [SetUp]
    public void Create()
    {
        if (!OutsideProcess.IsInstalled("haproxy"))
            Assert.Ignore("haproxy is not installed (tests/run installs it when it runs as root)");
        _sessions = 0;
        _mta = new();
        _mta.Serve(async connection =>
        {
            Interlocked.Increment(ref _sessions);
            await connection.SendAsync("220 mx\r\n", CancellationToken.None);
            while (await connection.ReadLineAsync(CancellationToken.None) is { } line and not "QUIT")
                await connection.SendAsync("250 ok\r\n", CancellationToken.None);
            await connection.SendAsync("221 bye\r\n", CancellationToken.None);
            connection.Close();
        });
    }

    [TearDown]
    public async Task DisposeAsync()
    {
        if (_mta is not null)
            await _mta.DisposeAsync();
    }

    [TestCase("send-proxy"), TestCase("send-proxy-v2"), TestCase("send-proxy-v2 proxy-v2-options crc32c,unique-id")]
    public async Task Connect_ThroughHAProxy_ClientIsCountedAndLoggedByItsOwnAddress(string option, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken);
        await using var haproxy = await HAProxyInstance.StartAsync(shield.EndPoint, option, "", cancellationToken);
        await using var first = await RawSmtpClient.ConnectAsync(haproxy.EndPoint, s_client, cancellationToken);
        Assert.That(await first.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
        await using var second = await RawSmtpClient.ConnectAsync(haproxy.EndPoint, s_client, cancellationToken);
        Assert.That(await second.ReplyAsync(cancellationToken), Is.EqualTo("421 4.7.0 mail.example.com Error: too many connections from 127.1.0.1"));
        await using var other = await RawSmtpClient.ConnectAsync(haproxy.EndPoint, s_other, cancellationToken);
        Assert.That(await other.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));

        Assert.That(shield.Log.Lines.Where(line => line.StartsWith("connect from ", StringComparison.Ordinal)), Is.EqualTo(new[]
        {
            "connect from unknown[127.1.0.1]", "connect from unknown[127.1.0.1]", "connect from unknown[127.1.0.2]",
        }));
        Assert.That(shield.CountedConnections, Is.Zero, "of the proxy");
    }

    [Property("Hazard", "ID-10")]
    [TestCase("send-proxy", ""), TestCase("send-proxy", "option smtpchk HELO check.example")]
    [TestCase("send-proxy-v2", ""), TestCase("send-proxy-v2", "option smtpchk HELO check.example")]
    public async Task Check_AThousandTimes_LeavesNoLine(string option, string check, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken);
        // HAProxy cuts off a check that has not connected within its interval, and waits for no answer of a server it only connects to: slow enough
        // for a shield that stands still for half a second, of which more than fifty at once are no checks.
        var server = $"{option} check inter 50ms fall 1";
        var servers = server + string.Concat(Enumerable.Range(2, Servers - 1).Select(number => $"\n    server shield{number} {shield.EndPoint} {server}"));
        await using (var haproxy = await HAProxyInstance.StartAsync(shield.EndPoint, servers, check, cancellationToken))
        {
            await Eventually.HoldsAsync(() => Volatile.Read(ref _sessions) >= Checks, TimeSpan.FromSeconds(60), $"{Checks} checks", cancellationToken);
            Assert.That(shield.Log.Lines, Is.Empty);

            await using var client = await RawSmtpClient.ConnectAsync(haproxy.EndPoint, s_client, cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"), "the server is up");
            Assert.That(await client.CommandAsync("QUIT", cancellationToken), Is.EqualTo("221 bye"));
            await Eventually.HoldsAsync(() => shield.Log.Lines.Count >= 2, TimeSpan.FromSeconds(20), "the client's session has ended", cancellationToken);
            Assert.That(shield.Log.Lines, Is.EqualTo(new[] { "connect from unknown[127.1.0.1]", "disconnect from unknown[127.1.0.1] quit=1 commands=1" }));
        }

        // A check that HAProxy's own end has cut off may have left a line.
        await Eventually.HoldsAsync(() => shield.Drain.Connections == 0, TimeSpan.FromSeconds(20), "all checks have ended", cancellationToken);
    }

    private ShieldOptions Options()
    {
        var options = ShieldUnderTest.Before(_mta);
        return options with
        {
            Proxy = new() { Protocol = UpstreamProxyProtocol.Haproxy, Sources = AddressPatternList.Parse("127.0.0.1") },
            Limits = options.Limits with { ClientConnectionCountLimit = 1 },
        };
    }
}
