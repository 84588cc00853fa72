using System.Globalization;
using System.Net;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>What the kernel says about IPv4 sockets (proc(5), <c>/proc/net/tcp</c>).</summary>
internal static class TcpTable
{
    public const int Established = 1;
    public const int SynSent = 2;
    public const int Listen = 10;

    /// <summary>The state of the socket with this local endpoint.</summary>
    public static int StateOf(EndPoint local) =>
        Row(local, state: null) is { } row ? int.Parse(row[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture) : 0;

    /// <summary>How many clients wait in the queue of a listening socket.</summary>
    public static int QueueOf(EndPoint listener) =>
        Row(listener, Listen) is { } row
            ? int.Parse(row[4].Split(':')[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"{listener} does not listen.");

    private static string[]? Row(EndPoint local, int? state)
    {
        var ip = (IPEndPoint)local;
        var name = $"{BitConverter.ToUInt32(ip.Address.GetAddressBytes()):X8}:{ip.Port:X4}";
        return File.ReadLines("/proc/net/tcp").Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(row => row[1] == name && (state is null || row[3] == $"{state:X2}"));
    }
}
