using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>
/// Connections that wait in an smtpd's listen queue and are given up there: the process that takes one from the queue later serves on. With a reset behind a
/// PROXY header that says LOCAL it ends (<c>fatal: smtpd_peer_hostaddr_to_sockaddr</c>, Postfix 3.7), and master(8) throttles the service.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class GivenUpConnectionTests
{
    private const string Local = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

    private static readonly Dictionary<string, string> s_proxied = new() { ["smtpd_upstream_proxy_protocol"] = "haproxy" };

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [TestCase("probe"), TestCase("client"), TestCase("check of a load balancer")]
    [CancelAfter(180_000)]
    public async Task GiveUp_WhileItWaitsInThePostfixsQueue_NoProcessEnds(string who, CancellationToken cancellationToken)
    {
        RealPostfix.Require();
        await using var postfix = await PostfixInstance.StartAsync(
            [PostfixService.WithoutLimits("behind", s_proxied) with { ProcessLimit = 1 }], cancellationToken);
        var mta = postfix.EndPointOf("behind");
        await using var first = await ConnectAsync(mta, cancellationToken);
        Assert.That(await first.ReplyAsync(cancellationToken), Does.StartWith("220 "));

        await (who == "probe" ? ProbeAsync(mta, cancellationToken) : DialAsync(mta, isCheck: who != "client", cancellationToken));
        Assert.That(await first.CommandAsync("QUIT", cancellationToken), Does.StartWith("221 "));

        // Behind the one that was given up in the queue: its process has seen that one.
        await using var next = await ConnectAsync(mta, cancellationToken);
        Assert.That(await next.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        Assert.That(await File.ReadAllTextAsync(postfix.LogPath, cancellationToken), Does.Not.Contain("fatal: ").And.Not.Contain("throttling"));
    }

    private static async Task ProbeAsync(IPEndPoint mta, CancellationToken cancellationToken)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, $"shield_listen = 127.0.0.1:{LoopbackPorts.Take()}\nshield_upstream = {mta}\nshield_client_handoff = "
                + "proxy-v2\nshield_upstream_greeting_timeout = 1s\n", cancellationToken);
            var (status, output) = await ShieldProgram.RunAsync(
                ["check", "--probe", "-c", file], s_limit, cancellationToken);
            Assert.That((status, output), Is.EqualTo((1, output)));
            Assert.That(output, Does.Match($@"connect to upstream {mta}: no greeting within \d+s"), "as long as it was waited, however late that is noticed");
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task DialAsync(IPEndPoint mta, bool isCheck, CancellationToken cancellationToken)
    {
        var parameters = new Dictionary<string, string> { ["shield_client_handoff"] = "proxy-v2", ["shield_upstream_greeting_timeout"] = "1s" };
        if (isCheck)
            (parameters["smtpd_upstream_proxy_protocol"], parameters["shield_proxy_sources"]) = ("haproxy", "127.0.0.1");
        await using var shield = await ShieldProcess.StartAsync(mta, parameters, cancellationToken);
        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Loopback, cancellationToken);
        if (isCheck)
        {
            await client.SendAsync(Local, cancellationToken);
            await client.VanishAsync(reset: true);
        }

        await Eventually.HoldsAsync(() => shield.AllLines.Contains("no greeting within ", StringComparison.Ordinal), TimeSpan.FromSeconds(20),
            "the dial is given up", cancellationToken);
        await shield.StopAsync(cancellationToken);
    }

    private static async Task<RawSmtpClient> ConnectAsync(IPEndPoint mta, CancellationToken cancellationToken)
    {
        var client = await RawSmtpClient.ConnectAsync(mta, IPAddress.Loopback, cancellationToken);
        await client.SendAsync("PROXY TCP4 192.0.2.1 127.0.0.1 1 25\r\n", cancellationToken);
        return client;
    }
}
