using System.Net;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.Transparent;

/// <summary>
/// Three hosts, as network namespaces of this machine: clients, a router between two networks, and an MTA that knows no way but the router's. The router
/// checks source addresses strictly (<c>rp_filter</c>) and with packet marks (<c>src_valid_mark</c>), which is the worst case for diverting.
/// </summary>
internal sealed class RouterNetwork : IAsyncDisposable
{
    /// <summary>The settings of <c>smtpshield-tproxy</c> for this network.</summary>
    public static readonly IReadOnlyDictionary<string, string> Settings = new Dictionary<string, string>
    {
        ["SMTPSHIELD_CLIENT_INTERFACES"] = "clients",
        ["SMTPSHIELD_MTA_ADDRESSES"] = $"{MtaOf(4)} {MtaOf(6)}",
    };

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly string[] s_hosts = ["client", "router", "mta"];
    private static int s_count;
    private readonly string _name = $"smtpshield-{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}";
    private readonly string _directory = Directory.CreateTempSubdirectory("smtpshield-test-").FullName;
    private readonly List<OutsideProcess> _processes = [];

    private RouterNetwork()
    {
    }

    /// <summary>What runs a command as the router.</summary>
    public IReadOnlyList<string> OnRouter => On("router");

    /// <summary>The address of the client, or of its neighbour.</summary>
    public static IPAddress ClientOf(int version, bool neighbour = false) =>
        IPAddress.Parse((version == 4 ? "192.0.2." : "2001:db8:1::") + (neighbour ? "8" : "7"));

    /// <summary>The address of the MTA.</summary>
    public static IPAddress MtaOf(int version) => IPAddress.Parse(version == 4 ? "198.51.100.25" : "2001:db8:2::25");

    /// <summary>The address the router connects to the MTA from.</summary>
    public static IPAddress RouterOf(int version) => IPAddress.Parse(version == 4 ? "198.51.100.1" : "2001:db8:2::1");

    /// <summary>Makes the hosts; ignores the test, with the reason, where that is not possible.</summary>
    public static async Task<RouterNetwork> CreateAsync(CancellationToken cancellationToken)
    {
        if (Environment.UserName != "root")
            Assert.Ignore("Network namespaces need root");
        foreach (var program in new[] { "ip", "nft", "python3", "sysctl", "setpriv" })
            RealPostfix.RequireProgram(program);

        var network = new RouterNetwork();
        try
        {
            if (await network.WhyNotAsync(cancellationToken) is { } reason)
                Assert.Ignore(reason);
            await network.ConnectAsync(cancellationToken);
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the MTA, which tells clients the address they come from; also on a host where no MTA should be asked.</summary>
    public async Task StartMtaAsync(CancellationToken cancellationToken, string host = "mta")
    {
        string[] addresses = host == "mta" ? [$"{MtaOf(4)}", $"{MtaOf(6)}"] : [$"{ClientOf(4)}", $"{ClientOf(6)}"];
        string[] command = [.. On(host), "python3", ScriptOf("peer-mta.py"), .. addresses];
        var mta = OutsideProcess.Start(command[0], command[1..]);
        _processes.Add(mta);
        await Eventually.HoldsAsync(() => mta.HasExited || mta.Output.Contains("listening", StringComparison.Ordinal), s_limit,
            "the MTA listens", cancellationToken);
        if (mta.HasExited)
            throw new InvalidOperationException(mta.Output);
    }

    /// <summary>One session of a client with the MTA's address, or of the MTA with the client's; what the one that connects is told.</summary>
    public Task<string> SessionAsync(IPAddress from, IPAddress to, CancellationToken cancellationToken) =>
        RunAsync([.. On(from.Equals(MtaOf(4)) || from.Equals(MtaOf(6)) ? "mta" : "client"), "python3", ScriptOf("one-session.py"), $"{from}", $"{to}"],
            cancellationToken);

    /// <summary>Begins a session of the client with the MTA's address; it ends with <see cref="EndSessionAsync"/>.</summary>
    public async Task<OutsideProcess> BeginSessionAsync(CancellationToken cancellationToken)
    {
        string[] command = [.. On("client"), "python3", ScriptOf("held-session.py"), $"{ClientOf(4)}", $"{MtaOf(4)}"];
        var session = OutsideProcess.Start(command[0], command[1..]);
        _processes.Add(session);
        await Eventually.HoldsAsync(() => session.HasExited || session.Output.Length > 0, s_limit, "the client is greeted", cancellationToken);
        return session;
    }

    /// <summary>Says QUIT in a session, and returns what the client is told, or <c>reset</c>.</summary>
    public static async Task<string> EndSessionAsync(OutsideProcess session, CancellationToken cancellationToken)
    {
        await session.WriteAsync("\n", cancellationToken);
        await session.WaitForExitAsync(s_limit, cancellationToken);
        return session.Output.TrimEnd().Split('\n')[^1];
    }

    /// <summary>Runs <c>smtpshield-tproxy</c> on the router and returns its exit status and output.</summary>
    public Task<(int ExitCode, string Output)> TproxyAsync(string command, CancellationToken cancellationToken, params (string Name, string Value)[] settings)
    {
        var all = new Dictionary<string, string>(Settings)
        {
            ["SMTPSHIELD_TPROXY_STATE"] = Path.Combine(_directory, "tproxy"),
            ["SMTPSHIELD_TPROXY_CONF"] = "/nonexistent",
        };
        foreach (var (name, value) in settings)
            all[name] = value;
        string[] words = [.. OnRouter, "env", .. all.Select(setting => $"{setting.Key}={setting.Value}"), DeployedScript, command];
        return OutsideProcess.RunAsync(words[0], words[1..], s_limit, cancellationToken);
    }

    /// <summary>The same; throws unless it succeeds.</summary>
    public async Task SucceedTproxyAsync(string command, CancellationToken cancellationToken, params (string Name, string Value)[] settings)
    {
        var (exitCode, output) = await TproxyAsync(command, cancellationToken, settings);
        if (exitCode != 0)
            throw new InvalidOperationException($"smtpshield-tproxy {command} exited with {exitCode}:\n{output}");
    }

    /// <summary>All that a packet's way through the router depends on, and the files that <c>smtpshield-tproxy</c> keeps.</summary>
    public async Task<string> RouterStateAsync(CancellationToken cancellationToken) =>
        await ShellAsync("nft list ruleset; ip -4 rule; ip -6 rule; ip -4 route show table all; ip -6 route show table all; "
            + "sysctl -a 2>/dev/null | grep -E '^net\\.ipv[46]\\.(conf|ip_|route)'", cancellationToken)
        + string.Join('\n', Directory.GetFileSystemEntries(_directory));

    /// <summary>Runs a line of shell on the router, or on another host.</summary>
    public Task<string> ShellAsync(string line, CancellationToken cancellationToken, string host = "router") =>
        RunAsync([.. On(host), "bash", "-c", line], cancellationToken);

    /// <summary>Ends the MTA and removes the hosts with all they have.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
            await process.DisposeAsync();
        foreach (var host in s_hosts)
            await OutsideProcess.RunAsync("ip", ["netns", "del", $"{_name}-{host}"], s_limit, CancellationToken.None);
        Directory.Delete(_directory, recursive: true);
    }

    private static string DeployedScript => Path.Combine(Repository.Root, "deploy", "transparent", "smtpshield-tproxy");

    private static string ScriptOf(string name) => Path.Combine(TestContext.CurrentContext.TestDirectory, "Transparent", name);

    private static Task<string> RunAsync(IReadOnlyList<string> command, CancellationToken cancellationToken, string input = "") =>
        OutsideProcess.RunSuccessfullyAsync(command[0], command.Skip(1), s_limit, cancellationToken, input);

    private string[] On(string host) => ["ip", "netns", "exec", $"{_name}-{host}"];

    // A kernel without network namespaces (or a container that may not make them), or without nft_tproxy and nft_socket.
    private async Task<string?> WhyNotAsync(CancellationToken cancellationToken)
    {
        foreach (var host in s_hosts)
        {
            var (made, why) = await OutsideProcess.RunAsync("ip", ["netns", "add", $"{_name}-{host}"], s_limit, cancellationToken);
            if (made != 0)
                return $"No network namespaces here: {why.Trim()}";
        }

        const string Rules = """
            table inet probe {
              chain probe {
                type filter hook prerouting priority mangle
                meta l4proto tcp socket wildcard 0 socket transparent 1 accept
                ip version 4 tcp dport 25 tproxy ip to 127.0.0.1:25
              }
            }
            """;
        string[] probe = [.. OnRouter, "nft", "-f", "-"];
        var (exitCode, output) = await OutsideProcess.RunAsync(probe[0], probe[1..], s_limit, cancellationToken, Rules);
        if (exitCode != 0)
            return $"No tproxy in this kernel: {output.Trim()}";
        await ShellAsync("nft delete table inet probe", cancellationToken);
        return null;
    }

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        foreach (var host in s_hosts)
            await ShellAsync("sysctl -qw net.ipv6.conf.default.dad_transmits=0", cancellationToken, host);
        await ShellAsync("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.all.src_valid_mark=1",
            cancellationToken);
        // One ip(8) for each host: to start it takes longer than what it does.
        foreach (var (host, lines) in new Dictionary<string, string[]>
        {
            ["router"] =
            [
                $"link add clients type veth peer name eth0 netns {_name}-client", $"link add servers type veth peer name eth0 netns {_name}-mta",
                "addr add 192.0.2.1/24 dev clients", "addr add 2001:db8:1::1/64 dev clients nodad",
                "addr add 198.51.100.1/24 dev servers", "addr add 2001:db8:2::1/64 dev servers nodad",
                "link set dev lo up", "link set dev clients up", "link set dev servers up",
            ],
            ["client"] =
            [
                "addr add 192.0.2.7/24 dev eth0", "addr add 192.0.2.8/24 dev eth0",
                "addr add 2001:db8:1::7/64 dev eth0 nodad", "addr add 2001:db8:1::8/64 dev eth0 nodad",
                "link set dev lo up", "link set dev eth0 up", "route add default via 192.0.2.1", "route add default via 2001:db8:1::1",
            ],
            ["mta"] =
            [
                "addr add 198.51.100.25/24 dev eth0", "addr add 2001:db8:2::25/64 dev eth0 nodad",
                "link set dev lo up", "link set dev eth0 up", "route add default via 198.51.100.1", "route add default via 2001:db8:2::1",
            ],
        })
            await RunAsync(["ip", "-n", $"{_name}-{host}", "-batch", "-"], cancellationToken, string.Join('\n', lines) + "\n");

        // The kernel gives link-local addresses on its own, a moment later, and a router routes with them.
        foreach (var (host, route, count) in new[] { ("client", "local", 1), ("router", "anycast", 2), ("mta", "local", 1) })
        {
            var line = $"for i in {{1..200}}; do [ $(ip -6 route show table local | grep -c '^{route} fe80::') = {count} ] && exit; sleep 0.02; done; exit 1";
            await ShellAsync(line, cancellationToken, host);
        }
    }
}
