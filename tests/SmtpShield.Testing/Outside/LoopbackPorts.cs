using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Testing.Outside;

/// <summary>Ports on loopback for servers that tests start.</summary>
public static class LoopbackPorts
{
    // Below the kernel's range for outgoing connections (32768 and up), so that no client's socket takes a port between its choice and its use.
    private const int First = 12000;
    private const int Last = 32000;
    private static int s_next = First + Environment.ProcessId * 97 % (Last - First);

    /// <summary>A port of 127.0.0.1 that nothing listens on, never the same twice in one run.</summary>
    public static int Take()
    {
        for (var tries = First; tries < Last; tries++)
        {
            var port = First + Interlocked.Increment(ref s_next) % (Last - First);
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
        var listening = Listening("/proc/net/tcp").Concat(Listening("/proc/net/tcp6")).ToHashSet();
        return ports.All(listening.Contains);
    }

    /// <summary>Whether something listens on these ports, of IPv4 or IPv6 as the addresses are, in the network that a process has.</summary>
    public static bool AreListening(IReadOnlyCollection<IPEndPoint> endPoints, int processId)
    {
        var ipv4 = Listening($"/proc/{processId}/net/tcp");
        var ipv6 = Listening($"/proc/{processId}/net/tcp6");
        return endPoints.All(endPoint => (endPoint.AddressFamily == AddressFamily.InterNetworkV6 ? ipv6 : ipv4).Contains(endPoint.Port));
    }

    private static HashSet<int> Listening(string table)
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
