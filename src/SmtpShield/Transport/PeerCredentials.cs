using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace SmtpShield.Transport;

/// <summary>
/// Who is at the other end of a Unix socket: what the kernel noted when it connected, so nobody can say he is somebody else (unix(7), <c>SO_PEERCRED</c>).
/// </summary>
/// <param name="Process">Its process id, as this process's namespace has it.</param>
/// <param name="User">Its effective user id.</param>
/// <param name="Group">Its effective group id.</param>
internal readonly record struct PeerCredentials(int Process, uint User, uint Group)
{
    // Numbers of asm-generic/socket.h, which all architectures .NET runs on have but POWER.
    private const int SolSocket = 1;
    private static readonly int _soPeercred = RuntimeInformation.ProcessArchitecture == Architecture.Ppc64le ? 21 : 17;

    /// <summary>Those of a connected Unix socket; null where the system does not tell.</summary>
    public static PeerCredentials? Of(Socket socket)
    {
        if (!OperatingSystem.IsLinux() || socket.AddressFamily != AddressFamily.Unix)
            return null;

        // struct ucred: pid, uid, gid.
        Span<int> credentials = stackalloc int[3];
        try
        {
            var octets = MemoryMarshal.AsBytes(credentials);
            return socket.GetRawSocketOption(SolSocket, _soPeercred, octets) == octets.Length
                ? new(credentials[0], (uint)credentials[1], (uint)credentials[2])
                : null;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }
}
