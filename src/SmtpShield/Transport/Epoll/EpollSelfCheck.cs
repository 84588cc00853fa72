using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace SmtpShield.Transport.Epoll;

/// <summary>
/// Looks whether epoll(7) is there and tells what it is asked for: a sandbox may forbid it, and another layout of its events would be told here.
/// </summary>
[SupportedOSPlatform("linux")]
internal static class EpollSelfCheck
{
    // No half of it is like another one.
    private const ulong Number = 0x0123_4567_89AB_CDEF;

    /// <summary>Asks for an event that is there, and reads what is told.</summary>
    /// <exception cref="SocketException">The system has none of it, or no room.</exception>
    public static bool Passes()
    {
        using var epoll = new Descriptor(NativeMethods.CreateEpoll(LinuxConstants.EpollCloseOnExec));
        using var ready = new Descriptor(NativeMethods.CreateEvent(1, LinuxConstants.SockNonBlock | LinuxConstants.SockCloseOnExec));
        Span<byte> events = stackalloc byte[2 * LinuxConstants.EpollEventSize];
        var (asked, number) = (LinuxConstants.EpollIn | LinuxConstants.EpollEdge, Number);
        MemoryMarshal.Write(events, in asked);
        MemoryMarshal.Write(events[LinuxConstants.EpollDataOffset..], in number);
        if (NativeMethods.Control(epoll, LinuxConstants.EpollAdd, ready, events) != 0)
            throw Descriptor.LastError();

        events.Clear();
        return NativeMethods.Wait(epoll, events, 2, 0) == 1
            && MemoryMarshal.Read<uint>(events) == LinuxConstants.EpollIn
            && MemoryMarshal.Read<ulong>(events[LinuxConstants.EpollDataOffset..]) == Number;
    }
}
