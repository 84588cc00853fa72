using SmtpShield.Host.Commands;
using SmtpShield.Options;

namespace SmtpShield.Tests.Host;

/// <summary>By the files of containers of Docker and podman, with and without root, as they were read in them.</summary>
[TestFixture, Platform("Linux")]
public sealed class ContainerNetworkTests
{
    private const string Docker = ".dockerenv";
    private const string Podman = "run/.containerenv";
    private const string Root = "         0          0 4294967295\n";
    private const string NoRoot = "         0       1000          1\n         1     100000      65536\n";

    private string _root = "";

    [SetUp]
    public void MakeRoot() => _root = Directory.CreateTempSubdirectory("smtpshield-container-").FullName;

    [TearDown]
    public void RemoveRoot() => Directory.Delete(_root, recursive: true);

    [Test]
    public void ProblemsOf_BridgeWithoutIPv6_AreClientsWithIPv6()
    {
        Bridge(Docker, Root);

        Assert.That(Warnings(), Is.EqualTo((string[])[
            "service smtp: shield_listen: it listens in a container's network, eth0, where clients with IPv6 may all be 172.17.0.1, its gateway, and have one "
            + "client's limits together (give the container the host's network, or a balancer in front that says who the client is: "
            + "smtpd_upstream_proxy_protocol = haproxy)"]));
    }

    // Where /run is a tmpfs, as in a podman container with --read-only, only the variable says what it is.
    [TestCase("podman", 1)]
    [TestCase("lxc", 0)]
    [TestCase(null, 0)]
    public void ProblemsOf_BridgeWithoutMark_AreThereByTheVariable(string? manager, int expected)
    {
        Bridge("etc/hostname", Root);

        Assert.That(WarningsIn(manager), Has.Length.EqualTo(expected));
    }

    [Test]
    public void ProblemsOf_BridgeWithIPv6_AreNone()
    {
        Bridge(Docker, Root);
        Write("proc/net/if_inet6", "fd0000000000000000000000000000ab 02 40 00 80     eth0\n");

        Assert.That(Warnings(), Is.Empty);
    }

    [Test]
    public void ProblemsOf_BridgeWithoutRoot_AreAllClients()
    {
        Bridge(Podman, NoRoot);
        Write("proc/net/if_inet6", "fd0000000000000000000000000000ab 02 40 00 80     eth0\n");

        Assert.That(Warnings().Single(), Does.Contain("where clients may all be 172.17.0.1"));
    }

    [Test]
    public void ProblemsOf_Tunnel_AreAllClients()
    {
        Write(Podman, "");
        Interface("tap0", "010011AC", index: 2, peer: 2);
        Write("sys/class/net/tap0/tun_flags", "0x1002\n");
        Write("proc/self/uid_map", NoRoot);

        Assert.That(Warnings().Single(), Does.Contain("network, tap0, where clients may all be "));
    }

    [Test]
    public void ProblemsOf_GatewayThatIsExempt_SayThatNobodyIsLimited()
    {
        Bridge(Docker, Root);

        Assert.That(Warnings("smtpd_client_event_limit_exceptions=172.16.0.0/12").Single(), Does.Contain("and are exempt from limits ("));
    }

    [TestCase("smtpd_upstream_proxy_protocol=haproxy", "shield_proxy_sources=172.17.0.1")]
    [TestCase("shield_listen_transparent=yes")]
    [TestCase("shield_listen=127.0.0.1:25")]
    public void ProblemsOf_ClientsThatAreKnownOrNone_AreNone(params string[] configuration)
    {
        Bridge(Docker, NoRoot);

        Assert.That(Warnings(configuration), Is.Empty);
    }

    [Test]
    public void ProblemsOf_NetworkOfTheHost_AreNone()
    {
        Write(Docker, "");
        Write("proc/self/uid_map", NoRoot);
        // A VLAN is a part of another of its interfaces.
        Interface("eth0.5", "010011AC", index: 3, peer: 2);
        Write("sys/class/net/eth0/ifindex", "2\n");

        Assert.That(Warnings(), Is.Empty);
    }

    private void Bridge(string mark, string users)
    {
        Write(mark, "");
        Interface("eth0", "010011AC", index: 2, peer: 7);
        Write("proc/self/uid_map", users);
    }

    private void Interface(string name, string gateway, int index, int peer)
    {
        Write("proc/net/route", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
            + $"{name}\t00000000\t{gateway}\t0003\t0\t0\t0\t00000000\t0\t0\t0\n{name}\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n");
        Write("proc/net/if_inet6", $"00000000000000000000000000000001 01 80 10 80       lo\nfe800000000000000000000000000002 02 40 20 80     {name}\n");
        Write($"sys/class/net/{name}/ifindex", $"{index}\n");
        Write($"sys/class/net/{name}/iflink", $"{peer}\n");
        Write("sys/class/net/lo/ifindex", "1\n");
    }

    private void Write(string path, string text)
    {
        var file = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    private string[] Warnings(params string[] configuration) => WarningsIn(null, configuration);

    private string[] WarningsIn(string? manager, params string[] configuration)
    {
        var file = Path.Combine(_root, "main.cf");
        File.WriteAllText(file, "myhostname = mail.example.com\n");
        return [.. new ContainerNetwork(_root, manager).ProblemsOf(ShieldConfiguration.Load(file, configuration).Options!)
            .Select(static problem => problem.ToString())];
    }
}
