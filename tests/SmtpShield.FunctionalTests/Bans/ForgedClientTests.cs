using System.Globalization;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Bans;

/// <summary>
/// Connections that somebody begins under addresses that are not his, in a network namespace: they never come to be; nothing is counted, and nobody is banned.
/// As root only.
/// </summary>
[Platform("Linux"), CancelAfter(60_000)]
[Property("Operations", "OPS-25")]
internal sealed class ForgedClientTests
{
    private const int Forged = 200;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    // A SYN of each of many addresses that are nobody's, and no answer to what the host says to them; then a whole connection of another address.
    private const string Send = """
        import socket, struct, sys
        port = int(sys.argv[1])
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        def checksum(data):
            total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
            total = (total >> 16) + (total & 0xffff)
            return ~(total + (total >> 16)) & 0xffff
        for i in range(int(sys.argv[2])):
            source = socket.inet_aton(f"198.51.100.{i + 1}")
            syn = struct.pack("!HHIIBBHHH", 20000 + i, port, i, 0, 5 << 4, 2, 1024, 0, 0)
            pseudo = source + socket.inet_aton("127.0.0.1") + struct.pack("!BBH", 0, 6, len(syn))
            syn = syn[:16] + struct.pack("!H", checksum(pseudo + syn)) + syn[18:]
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, i, 0, 64, 6, 0) + source + socket.inet_aton("127.0.0.1")
            raw.sendto(ip + syn, ("127.0.0.1", 0))
        with socket.create_connection(("127.0.0.1", port), 30, ("192.0.2.250", 0)) as client:
            print(client.recv(512))
        """;

    [Test]
    public async Task Connections_BegunUnderOtherAddresses_AreNoHitsAndBanNobody(CancellationToken cancellationToken)
    {
        if (!Environment.IsPrivilegedProcess || !OutsideProcess.IsInstalled("unshare") || !OutsideProcess.IsInstalled("python3"))
            Assert.Ignore("It takes root, unshare and python3.");
        await using var mta = new ScriptedMta();
        await using var shield = await ShieldProcess.StartAsync(
            mta.EndPoint,
            new Dictionary<string, string>
            {
                ["smtpd_client_connection_rate_limit"] = "2", ["shield_ban_threshold"] = "1",
                ["shield_ban_rules"] = "smtpd_client_connection_rate_limit",
                ["smtpd_client_ipv4_prefix_length"] = "24",
            },
            cancellationToken,
            ["unshare", "-n", "sh", "-c", "ip link set lo up; ip addr add 192.0.2.0/24 dev lo; ip route add 198.51.100.0/24 dev lo; exec \"$@\"", "sh"]);
        var inside = (string[])["-t", shield.Id.ToString(CultureInfo.InvariantCulture), "-n"];
        var before = Segments(shield.Id);

        await OutsideProcess.RunSuccessfullyAsync(
            "nsenter", [.. inside, "python3", "-c", Send, $"{shield.EndPoint.Port}", $"{Forged}"], s_limit, cancellationToken);

        Assert.That(Segments(shield.Id) - before, Is.GreaterThanOrEqualTo(Forged), "they have come");
        var clients = await AskAsync(shield, "/v1/clients", cancellationToken);
        Assert.That(clients, Does.Contain("\"total\":1,").And.Contain("\"client\":\"192.0.2.0/24\"").And.Match("\"connections\":1[,}]"));
        Assert.That(clients, Does.Contain("\"refused\":0").And.Not.Contain("\"state\":\"limited\""));
        Assert.That(await AskAsync(shield, "/v1/bans", cancellationToken), Does.Contain("\"total\":0"));
    }

    private static async Task<string> AskAsync(ShieldProcess shield, string resource, CancellationToken cancellationToken)
    {
        var (status, body) = await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, resource, cancellationToken);
        Assert.That(status, Is.EqualTo(200), body);
        return body;
    }

    // TCP segments that this namespace has received.
    private static long Segments(int process)
    {
        var lines = File.ReadLines($"/proc/{process}/net/snmp").Where(static line => line.StartsWith("Tcp:", StringComparison.Ordinal)).ToList();
        return long.Parse(lines[1].Split(' ')[Array.IndexOf(lines[0].Split(' '), "InSegs")], CultureInfo.InvariantCulture);
    }
}
