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
        var listening = File.ReadLines("/proc/net/tcp").Concat(File.Exists("/proc/net/tcp6") ? File.ReadLines("/proc/net/tcp6") : [])
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(columns => columns.Length > 3 && columns[3] == "0A")
            .Select(columns => Convert.ToInt32(columns[1].Split(':')[1], 16))
            .ToHashSet();
        return ports.All(listening.Contains);
    }
}
