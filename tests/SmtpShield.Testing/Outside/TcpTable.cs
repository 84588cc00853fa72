using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace SmtpShield.Testing.Outside;

/// <summary>
/// The kernel's table of TCP connections, asked as ss(8) asks: sock_diag(7). /proc/net/tcp has the same, but writes a line for every socket there is.
/// </summary>
public sealed class TcpTable : IDisposable
{
    private const int Netlink = 16; // AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG: netlink(7)
    private const int Raw = 3;
    private const int SocketDiagnosis = 4;
    private const int CloseOnExec = 0x80000; // SOCK_CLOEXEC, socket(2)
    private const int HeaderLength = 16; // struct nlmsghdr
    private const int RequestLength = HeaderLength + 56; // struct inet_diag_req_v2
    private const ushort Error = 2; // NLMSG_ERROR
    private const ushort Done = 3; // NLMSG_DONE
    private const ushort ByFamily = 20; // SOCK_DIAG_BY_FAMILY
    private const ushort RequestAll = 0x301; // NLM_F_REQUEST | NLM_F_DUMP

    // TCP_ESTABLISHED, TCP_SYN_RECV, TCP_CLOSE_WAIT: who listens has not closed yet.
    private const uint Served = 1 << 1 | 1 << 3 | 1 << 8;
    private const uint Listening = 1 << 10; // TCP_LISTEN

    private readonly byte[] _request = new byte[RequestLength];
    private readonly byte[] _answer = new byte[65536];
    private readonly Socket _socket;

    private TcpTable(Socket socket) => _socket = socket;

    /// <summary>Opens it; throws where the kernel does not answer.</summary>
    public static TcpTable Open()
    {
        var descriptor = OpenSocket(Netlink, Raw | CloseOnExec, SocketDiagnosis);
        return descriptor >= 0
            ? new(new Socket(new SafeSocketHandle(descriptor, ownsHandle: true)))
            : throw new InvalidOperationException($"socket(AF_NETLINK): error {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Connections to a port of IPv4 as those who listen there have them: not accepted yet, open, or closed by the client only.</summary>
    public int ConnectionsTo(int port) => Ports(AddressFamily.InterNetwork, Served, port).Count;

    /// <summary>The ports that something listens on: a table of their own, which is quick to read however many connections there are.</summary>
    public IReadOnlyCollection<int> ListeningPorts(AddressFamily family) => Ports(family, Listening, port: 0);

    /// <summary>Closes it.</summary>
    public void Dispose() => _socket.Dispose();

    // The kernel's own number of AF_INET6 is not .NET's.
    private static byte NumberOf(AddressFamily family) => (byte)(family == AddressFamily.InterNetworkV6 ? 10 : 2);

    // One's own ends of the sockets in these states; port 0 is any.
    private List<int> Ports(AddressFamily family, uint states, int port)
    {
        Ask(family, states, port);
        var ports = new List<int>();
        while (true)
        {
            var answer = _answer.AsSpan(0, _socket.Receive(_answer));
            while (answer.Length >= HeaderLength)
            {
                var length = (BinaryPrimitives.ReadInt32LittleEndian(answer) + 3) & ~3;
                switch (BinaryPrimitives.ReadUInt16LittleEndian(answer[4..]))
                {
                    case Done:
                        return ports;
                    case Error:
                        throw new InvalidOperationException($"sock_diag: error {BinaryPrimitives.ReadInt32LittleEndian(answer[HeaderLength..])}");
                    default:
                        ports.Add(BinaryPrimitives.ReadUInt16BigEndian(answer[(HeaderLength + 4)..]));
                        break;
                }
                answer = answer[Math.Min(length, answer.Length)..];
            }
        }
    }

    private void Ask(AddressFamily family, uint states, int port)
    {
        var request = _request.AsSpan();
        request.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(request, RequestLength);
        BinaryPrimitives.WriteUInt16LittleEndian(request[4..], ByFamily);
        BinaryPrimitives.WriteUInt16LittleEndian(request[6..], RequestAll);
        request[HeaderLength] = NumberOf(family);
        request[HeaderLength + 1] = (byte)ProtocolType.Tcp;
        BinaryPrimitives.WriteUInt32LittleEndian(request[(HeaderLength + 4)..], states);
        BinaryPrimitives.WriteUInt16BigEndian(request[(HeaderLength + 8)..], (ushort)port);
        // No cookie: any socket.
        BinaryPrimitives.WriteUInt64LittleEndian(request[(RequestLength - 8)..], ulong.MaxValue);
        _socket.Send(_request);
    }

    [DllImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static extern int OpenSocket(int family, int type, int protocol);
}
