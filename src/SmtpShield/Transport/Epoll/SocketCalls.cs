using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace SmtpShield.Transport.Epoll;

/// <summary>What is asked of a TCP socket that is never waited on.</summary>
[SupportedOSPlatform("linux")]
internal static class SocketCalls
{
    // struct sockaddr_in6; sockaddr_in has 16.
    private const int MostAddress = 28;

    /// <summary>Makes a socket that is to connect.</summary>
    /// <exception cref="SocketException">There is no room for one, or no such address family.</exception>
    public static Descriptor Create(AddressFamily family)
    {
        var number = family == AddressFamily.InterNetworkV6 ? LinuxConstants.AfInet6 : LinuxConstants.AfInet;
        var socket = new Descriptor(NativeMethods.CreateSocket(
            number, LinuxConstants.SockStream | LinuxConstants.SockNonBlock | LinuxConstants.SockCloseOnExec, LinuxConstants.IpProtoTcp));
        _ = NativeMethods.SetOption(socket, LinuxConstants.IpProtoTcp, LinuxConstants.TcpNoDelay, 1, sizeof(int));
        return socket;
    }

    /// <summary>Accepts a connection.</summary>
    /// <param name="listening">Listens and does not wait.</param>
    /// <param name="peer">Who has connected; null: an address that is none of IP's.</param>
    /// <returns>Null: nobody is waiting.</returns>
    /// <exception cref="SocketException">It could not be accepted.</exception>
    /// <exception cref="ObjectDisposedException">The listening socket is closed.</exception>
    public static Descriptor? TryAccept(SafeHandle listening, out IPEndPoint? peer)
    {
        Span<byte> address = stackalloc byte[MostAddress];
        while (true)
        {
            var length = address.Length;
            var number = NativeMethods.Accept(listening, address, ref length, LinuxConstants.SockNonBlock | LinuxConstants.SockCloseOnExec);
            if (number >= 0)
            {
                peer = Parse(address[..Math.Min(length, address.Length)]);
                return new(number);
            }

            var errno = Marshal.GetLastPInvokeError();
            if (errno == LinuxConstants.Eintr)
                continue;
            peer = null;
            return errno == LinuxConstants.Eagain ? null : throw new SocketException((int)LinuxConstants.ErrorOf(errno));
        }
    }

    /// <summary>Begins to connect.</summary>
    /// <returns>Whether it is connected already.</returns>
    /// <exception cref="SocketException">It could not be begun.</exception>
    public static bool Connect(Descriptor socket, IPEndPoint endpoint)
    {
        var address = endpoint.Serialize();
        if (NativeMethods.Connect(socket, address.Buffer.Span, address.Size) == 0)
            return true;
        return Marshal.GetLastPInvokeError() is LinuxConstants.Einprogress or LinuxConstants.Eintr ? false : throw Descriptor.LastError();
    }

    /// <summary>What has become of a connect, or of the connection; asked once.</summary>
    public static SocketError TakeError(Descriptor socket)
    {
        var (errno, length) = (0, sizeof(int));
        return NativeMethods.GetOption(socket, LinuxConstants.SolSocket, LinuxConstants.SoError, ref errno, ref length) == 0
            ? LinuxConstants.ErrorOf(errno)
            : LinuxConstants.ErrorOf(Marshal.GetLastPInvokeError());
    }

    /// <summary>The socket's own address; null: it has none any more.</summary>
    public static IPEndPoint? NameOf(Descriptor socket)
    {
        Span<byte> address = stackalloc byte[MostAddress];
        var length = address.Length;
        return NativeMethods.GetName(socket, address, ref length) == 0 ? Parse(address[..Math.Min(length, address.Length)]) : null;
    }

    /// <summary>Receives what there is.</summary>
    /// <returns>Octets; 0 without an error: the peer's end.</returns>
    public static int Receive(Descriptor socket, Span<byte> buffer, int flags, out SocketError error)
    {
        while (true)
        {
            var count = NativeMethods.Receive(socket, buffer, (nuint)buffer.Length, flags);
            error = count >= 0 ? SocketError.Success : LinuxConstants.ErrorOf(Marshal.GetLastPInvokeError());
            if (error != SocketError.Interrupted)
                return (int)nint.Max(count, 0);
        }
    }

    /// <summary>Sends what the kernel has room for.</summary>
    /// <returns>Octets.</returns>
    public static int Send(Descriptor socket, ReadOnlySpan<byte> octets, out SocketError error)
    {
        while (true)
        {
            var count = NativeMethods.Send(socket, octets, (nuint)octets.Length, LinuxConstants.MsgNoSignal);
            error = count >= 0 ? SocketError.Success : LinuxConstants.ErrorOf(Marshal.GetLastPInvokeError());
            if (error != SocketError.Interrupted)
                return (int)nint.Max(count, 0);
        }
    }

    /// <summary>Whether a socket is ready, or has failed.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="events">Ready for what.</param>
    public static bool IsReady(Descriptor socket, short events)
    {
        var look = new NativeMethods.PollDescriptor { Descriptor = (int)socket.DangerousGetHandle(), Events = events };
        return NativeMethods.Poll(ref look, 1, 0) > 0;
    }

    private static IPEndPoint? Parse(ReadOnlySpan<byte> address)
    {
        if (address.Length < 16)
            return null;

        var port = BinaryPrimitives.ReadUInt16BigEndian(address[2..]);
        return MemoryMarshal.Read<ushort>(address) switch
        {
            LinuxConstants.AfInet => new(new IPAddress(address.Slice(4, 4)), port),
            LinuxConstants.AfInet6 when address.Length == MostAddress =>
                new(new IPAddress(address.Slice(8, 16), MemoryMarshal.Read<uint>(address[24..])), port),
            _ => null,
        };
    }

    /// <summary>Makes the close of a socket a reset.</summary>
    public static void ResetAtClose(Descriptor socket) => _ = NativeMethods.SetOption(
        socket, LinuxConstants.SolSocket, LinuxConstants.SoLinger, new NativeMethods.Linger { OnOff = 1 }, NativeMethods.Linger.Size);
}
