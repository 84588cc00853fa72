using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace SmtpShield.Transport.Epoll;

/// <summary>
/// Numbers of the Linux kernel for what this folder asks of it, from the headers named. They are those of asm-generic, which x64 and arm64 share; other
/// architectures have others for some, so nothing here runs on them (<see cref="AreKnown"/>).
/// </summary>
internal static class LinuxConstants
{
    // socket(2), accept4(2): asm-generic/fcntl.h (O_NONBLOCK, O_CLOEXEC), linux/net.h.
    public const int SockStream = 1;
    public const int SockNonBlock = 0x800;
    public const int SockCloseOnExec = 0x80000;

    // Address families: linux/socket.h.
    public const ushort AfInet = 2;
    public const ushort AfInet6 = 10;

    // send(2), recv(2): linux/socket.h.
    public const int MsgPeek = 0x2;
    public const int MsgNoSignal = 0x4000;

    // shutdown(2): linux/net.h.
    public const int ShutWrite = 1;

    // setsockopt(2): asm-generic/socket.h, linux/in.h, linux/tcp.h.
    public const int SolSocket = 1;
    public const int SoError = 4;
    public const int SoLinger = 13;
    public const int IpProtoTcp = 6;
    public const int TcpNoDelay = 1;

    // poll(2): asm-generic/poll.h.
    public const short PollIn = 0x1;
    public const short PollOut = 0x4;

    // epoll(7): linux/eventpoll.h. eventfd(2) has the same flags as socket(2).
    public const int EpollCloseOnExec = 0x80000;
    public const int EpollAdd = 1;
    public const uint EpollIn = 0x1;
    public const uint EpollPriority = 0x2;
    public const uint EpollOut = 0x4;
    public const uint EpollError = 0x8;
    public const uint EpollHangUp = 0x10;
    public const uint EpollReadHangUp = 0x2000;
    public const uint EpollEdge = 1u << 31;

    // errno(3): asm-generic/errno-base.h, asm-generic/errno.h.
    public const int Eintr = 4;
    public const int Eagain = 11;
    public const int Einprogress = 115;

    /// <summary>Whether the numbers hold on this system and processor.</summary>
    public static bool AreKnown => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64;

    /// <summary>Octets of <c>struct epoll_event</c>, which x64 alone has packed (linux/eventpoll.h, <c>EPOLL_PACKED</c>).</summary>
    public static int EpollEventSize => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    /// <summary>Where its <c>data</c> begins; <c>events</c> stands at its beginning.</summary>
    public static int EpollDataOffset => EpollEventSize - sizeof(ulong);

    /// <summary>What .NET calls an error.</summary>
    public static SocketError ErrorOf(int errno) => errno switch
    {
        0 => SocketError.Success,
        1 or 13 => SocketError.AccessDenied,
        Eintr => SocketError.Interrupted,
        Eagain => SocketError.WouldBlock,
        22 => SocketError.InvalidArgument,
        23 or 24 => SocketError.TooManyOpenSockets,
        32 => SocketError.Shutdown,
        92 => SocketError.ProtocolOption,
        93 => SocketError.ProtocolNotSupported,
        95 => SocketError.OperationNotSupported,
        97 => SocketError.AddressFamilyNotSupported,
        98 => SocketError.AddressAlreadyInUse,
        99 => SocketError.AddressNotAvailable,
        100 => SocketError.NetworkDown,
        101 => SocketError.NetworkUnreachable,
        103 => SocketError.ConnectionAborted,
        104 => SocketError.ConnectionReset,
        12 or 28 or 105 => SocketError.NoBufferSpaceAvailable,
        107 => SocketError.NotConnected,
        110 => SocketError.TimedOut,
        111 => SocketError.ConnectionRefused,
        112 => SocketError.HostDown,
        113 => SocketError.HostUnreachable,
        Einprogress => SocketError.InProgress,
        _ => SocketError.SocketError,
    };
}
