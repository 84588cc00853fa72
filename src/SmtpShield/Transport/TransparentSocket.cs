using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace SmtpShield.Transport;

/// <summary>
/// Sockets that have an address of another host: they listen for what a router's packet filter diverts, or connect with a client's address as their own. Linux
/// only.
/// </summary>
internal static class TransparentSocket
{
    // Numbers of linux/in.h and linux/in6.h.
    private const int SolIp = 0;
    private const int SolIpv6 = 41;
    private const int IpTransparent = 19;
    private const int IpBindAddressNoPort = 24;
    private const int Ipv6Transparent = 75;

    /// <summary>
    /// Lets a socket be bound to an address that this host does not have, and accept connections to such addresses (ip(7), <c>IP_TRANSPARENT</c>). To be called
    /// before bind.
    /// </summary>
    /// <exception cref="TransparentSocketException">This program may not, or this is not Linux.</exception>
    public static void Allow(Socket socket)
    {
        if (!OperatingSystem.IsLinux())
            throw new TransparentSocketException(SocketError.OperationNotSupported, "Transparent sockets are there on Linux only");

        var (level, option) = OptionOf(socket);
        try
        {
            Switch(socket, level, option, 1);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AccessDenied)
        {
            throw new TransparentSocketException(
                SocketError.AccessDenied,
                "Operation not permitted; a transparent socket needs the capability CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN) or root");
        }
    }

    /// <summary>Takes that back, of a socket which another process has made.</summary>
    public static void Forbid(Socket socket)
    {
        if (OperatingSystem.IsLinux() && OptionOf(socket) is var (level, option))
            Switch(socket, level, option, 0);
    }

    /// <summary>
    /// Gives a socket that is to connect an address that this host need not have. Its port is chosen when it connects, so that one address has as many ports
    /// for each destination.
    /// </summary>
    /// <exception cref="TransparentSocketException">This program may not, or this is not Linux.</exception>
    /// <exception cref="SocketException">It cannot be bound, for example because it is of the other IP version.</exception>
    public static void BindSource(Socket socket, IPAddress source)
    {
        if (source.AddressFamily != socket.AddressFamily)
            throw new SocketException((int)SocketError.AddressFamilyNotSupported);
        Allow(socket);
        Switch(socket, SolIp, IpBindAddressNoPort, 1);
        socket.Bind(new IPEndPoint(source, 0));
    }

    private static (int Level, int Option) OptionOf(Socket socket) =>
        socket.AddressFamily == AddressFamily.InterNetworkV6 ? (SolIpv6, Ipv6Transparent) : (SolIp, IpTransparent);

    private static void Switch(Socket socket, int level, int option, int value) =>
        socket.SetRawSocketOption(level, option, MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in value)));
}
