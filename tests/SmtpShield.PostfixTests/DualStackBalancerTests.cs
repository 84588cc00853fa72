using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>
/// A real HAProxy and a real nginx, each with one socket for IPv4 and IPv6, so that version 1 says <c>TCP6 ::ffff:127.1.0.1</c> of an IPv4 client: before the
/// shield they make of a client what they make of it before a Postfix with the same limits, and the Postfix behind the shield is told the same again.
/// </summary>
[Property("Hazard", "ID-4")]
[Property("Hazard", "ID-13")]
[Parallelizable(ParallelScope.Self)]
public sealed class DualStackBalancerTests
{
    private const string Nginx = "nginx";

    private static readonly Dictionary<string, string> s_proxied = new() { ["smtpd_upstream_proxy_protocol"] = "haproxy" };
    private static readonly Dictionary<string, string> s_limited = new(s_proxied)
    {
        ["smtpd_client_connection_count_limit"] = "1",
        ["smtpd_client_event_limit_exceptions"] = "",
    };

    private PostfixInstance? _postfix;

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        Dictionary<string, string> both = new() { ["inet_protocols"] = "all" };
        _postfix = await PostfixInstance.StartAsync(
            [PostfixService.WithoutLimits("behind", Both(s_proxied)), new("limited", Both(s_limited))], TestContext.CurrentContext.CancellationToken);

        Dictionary<string, string> Both(Dictionary<string, string> parameters) => new(parameters.Concat(both));
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
    }

    [TestCase("send-proxy", "127.1.0.1", "127.1.0.2", "proxy-v1")]
    [TestCase("send-proxy", "127.1.0.1", "127.1.0.2", "proxy-v2")]
    [TestCase("send-proxy", "::1", null, "proxy-v1")]
    [TestCase("send-proxy-v2", "127.1.0.1", "127.1.0.2", "proxy-v1")]
    [TestCase("send-proxy-v2", "127.1.0.1", "127.1.0.2", "proxy-v2")]
    [TestCase("send-proxy-v2", "::1", null, "proxy-v2")]
    [TestCase(Nginx, "127.1.0.1", "127.1.0.2", "proxy-v1")]
    [TestCase(Nginx, "127.1.0.1", "127.1.0.2", "proxy-v2")]
    [TestCase(Nginx, "::1", null, "proxy-v1")]
    [CancelAfter(60_000)]
    public async Task Connect_ThroughABalancerForBothFamilies_IsTheClientPostfixSees(
        string balancer, string client, string? other, string handoff, CancellationToken cancellationToken)
    {
        if (balancer == Nginx ? !NginxInstance.IsInstalled : !OutsideProcess.IsInstalled("haproxy"))
            Assert.Ignore($"{(balancer == Nginx ? "nginx with its stream module" : "haproxy")} is not installed (tests/run installs it when it runs as root)");
        var expected = await SessionsAsync(balancer, Postfix.EndPointOf("limited"), Postfix.LogOf("limited"), client, other, cancellationToken);

        await using var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("behind"),
            new Dictionary<string, string>(s_limited) { ["shield_proxy_sources"] = "127.0.0.1", ["shield_client_handoff"] = handoff },
            cancellationToken);
        var behind = Postfix.LogOf("behind").FromHere();
        var found = await SessionsAsync(balancer, shield.EndPoint, shield.Log, client, other, cancellationToken);

        Assert.That(found.Replies, Is.EqualTo(expected.Replies));
        Assert.That(found.Lines, Is.EqualTo(expected.Lines));
        Assert.That(found.Lines, Has.Member($"connect from unknown[{client}]"));
        await behind.WaitForDisconnectsAsync(other is null ? 1 : 2, cancellationToken);
        Assert.That(behind.Texts.Where(static text => text.StartsWith("connect from ", StringComparison.Ordinal)),
            Has.One.EqualTo($"connect from unknown[{client}]"));
    }

    // One session of the client, one too many of it at the same time, and one of another client.
    private static async Task<(IReadOnlyList<string> Replies, IReadOnlyList<string> Lines)> SessionsAsync(
        string balancer, IPEndPoint server, MailLog log, string address, string? other, CancellationToken cancellationToken)
    {
        var from = log.FromHere();
        await using var nginx = balancer == Nginx ? await NginxInstance.StartAsync(server, cancellationToken) : null;
        await using var haproxy = nginx is null ? await HAProxyInstance.StartAsync(server, balancer, "", cancellationToken, isDualStack: true) : null;
        var port = nginx?.EndPoint.Port ?? haproxy!.EndPoint.Port;

        await using var first = await ConnectAsync(address, port, cancellationToken);
        List<string> replies = [await first.ReplyAsync(cancellationToken)];
        await using (var second = await ConnectAsync(address, port, cancellationToken))
            replies.Add(await second.ReadToEndAsync(cancellationToken));
        await from.WaitForDisconnectsAsync(1, cancellationToken);
        if (other is not null)
        {
            await using var third = await ConnectAsync(other, port, cancellationToken);
            replies.Add(await third.ReplyAsync(cancellationToken));
            replies.Add(await third.CommandAsync("QUIT", cancellationToken));
            await from.WaitForDisconnectsAsync(2, cancellationToken);
        }

        replies.Add(await first.CommandAsync("QUIT", cancellationToken));
        await from.WaitForDisconnectsAsync(other is null ? 2 : 3, cancellationToken);
        return (replies, [.. from.Texts.Where(static text => !text.StartsWith("warning: dict_nis_init", StringComparison.Ordinal))
            .Select(static text => text.Split(" for service ")[0])]);
    }

    private static Task<RawSmtpClient> ConnectAsync(string from, int port, CancellationToken cancellationToken)
    {
        var address = IPAddress.Parse(from);
        return RawSmtpClient.ConnectAsync(new(address.GetAddressBytes().Length == 4 ? IPAddress.Loopback : IPAddress.IPv6Loopback, port),
            address, cancellationToken);
    }
}
