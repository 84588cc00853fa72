using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Testing.Outside;

/// <summary>Ports on loopback for servers that tests start.</summary>
public static class LoopbackPorts
{
    // Below the kernel's range for outgoing connections (32768 and up), so that no client's socket takes a port between its choice and its use. Test runs side
    // by side have a half each: one of them could take a port between the other one's choice and its use.
    private const int FirstOfAll = 12000;
    private const int PortsOfAHalf = 10000;
    private static readonly int s_first = FirstOfAll + (Environment.GetEnvironmentVariable("SMTPSHIELD_TEST_PORTS") == "upper" ? PortsOfAHalf : 0);
    private static int s_next = Environment.ProcessId * 97 % PortsOfAHalf;

    /// <summary>A port of 127.0.0.1 that nothing listens on, never the same twice in one run.</summary>
    public static int Take()
    {
        for (var tries = 0; tries < PortsOfAHalf; tries++)
        {
            var port = s_first + (int)((uint)Interlocked.Increment(ref s_next) % PortsOfAHalf);
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Any, port));
                return port;
            }
            catch (SocketException)
            {
                // In use: try the next one.
            }
        }
        throw new InvalidOperationException("No free port on loopback");
    }

    /// <summary>Whether something listens on this port, seen in the kernel's table: a connection to try it would be an event that is counted.</summary>
    public static bool IsListening(int port) => AreListening([port]);

    /// <summary>The same for all of these ports.</summary>
    public static bool AreListening(IReadOnlyCollection<int> ports)
    {
        var listening = Listening(AddressFamily.InterNetwork, "self").Concat(Listening(AddressFamily.InterNetworkV6, "self")).ToHashSet();
        return ports.All(listening.Contains);
    }

    /// <summary>Whether something listens on these ports, of IPv4 or IPv6 as the addresses are, in the network that a process has.</summary>
    public static bool AreListening(IReadOnlyCollection<IPEndPoint> endPoints, int processId)
    {
        var process = processId.ToString(CultureInfo.InvariantCulture);
        return endPoints.GroupBy(endPoint => endPoint.AddressFamily).All(family =>
        {
            var listening = Listening(family.Key, process);
            return family.All(endPoint => listening.Contains(endPoint.Port));
        });
    }

    // Tests wait for a server by looking again and again, side by side. /proc/net/tcp takes a millisecond each time, whatever is in it: the kernel looks
    // through all places of its table of connections.
    private static HashSet<int> Listening(AddressFamily family, string process)
    {
        try
        {
            if (NetworkOf(process) == NetworkOf("self"))
            {
                using var table = TcpTable.Open();
                return [.. table.ListeningPorts(family)];
            }
        }
        catch (Exception none) when (none is InvalidOperationException or SocketException or UnauthorizedAccessException)
        {
            // A kernel, or a container, without sock_diag.
        }
        catch (IOException)
        {
            return []; // The process has ended.
        }
        return ListeningByFile($"/proc/{process}/net/tcp" + (family == AddressFamily.InterNetworkV6 ? "6" : ""));
    }

    private static string? NetworkOf(string process) => File.ResolveLinkTarget($"/proc/{process}/ns/net", returnFinalTarget: false)?.Name;

    private static HashSet<int> ListeningByFile(string table)
    {
        try
        {
            return
            [
                .. File.ReadLines(table)
                    .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                    .Where(columns => columns.Length > 3 && columns[3] == "0A")
                    .Select(columns => Convert.ToInt32(columns[1].Split(':')[1], 16)),
            ];
        }
        catch (IOException)
        {
            return []; // No IPv6 in this kernel, or the process has ended.
        }
    }
}
