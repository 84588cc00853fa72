using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace SmtpShield.Transport.Epoll;

/// <summary>The system calls of this folder, none of which waits but <see cref="Wait"/>. Those that fail return -1, and errno says why.</summary>
[SupportedOSPlatform("linux")]
internal static partial class NativeMethods
{
    private const string Library = "libc";

    [LibraryImport(Library, EntryPoint = "epoll_create1", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int CreateEpoll(int flags);

    [LibraryImport(Library, EntryPoint = "epoll_ctl", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Control(Descriptor epoll, int operation, SafeHandle descriptor, ReadOnlySpan<byte> epollEvent);

    [LibraryImport(Library, EntryPoint = "epoll_wait", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Wait(Descriptor epoll, Span<byte> epollEvents, int most, int milliseconds);

    [LibraryImport(Library, EntryPoint = "eventfd", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int CreateEvent(uint initial, int flags);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial nint Write(Descriptor descriptor, ReadOnlySpan<byte> octets, nuint count);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Close(nint descriptor);

    [LibraryImport(Library, EntryPoint = "socket", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int CreateSocket(int family, int type, int protocol);

    [LibraryImport(Library, EntryPoint = "accept4", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Accept(SafeHandle socket, Span<byte> address, ref int length, int flags);

    [LibraryImport(Library, EntryPoint = "connect", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Connect(Descriptor socket, ReadOnlySpan<byte> address, int length);

    [LibraryImport(Library, EntryPoint = "getsockname", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int GetName(Descriptor socket, Span<byte> address, ref int length);

    [LibraryImport(Library, EntryPoint = "getsockopt", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int GetOption(Descriptor socket, int level, int option, ref int value, ref int length);

    [LibraryImport(Library, EntryPoint = "setsockopt", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int SetOption(Descriptor socket, int level, int option, in int value, int length);

    /// <summary><c>SO_LINGER</c>: <c>struct linger</c> is two ints.</summary>
    [LibraryImport(Library, EntryPoint = "setsockopt", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int SetOption(Descriptor socket, int level, int option, in Linger value, int length);

    [LibraryImport(Library, EntryPoint = "recv", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial nint Receive(Descriptor socket, Span<byte> buffer, nuint length, int flags);

    [LibraryImport(Library, EntryPoint = "send", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial nint Send(Descriptor socket, ReadOnlySpan<byte> octets, nuint length, int flags);

    [LibraryImport(Library, EntryPoint = "shutdown", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int ShutDown(Descriptor socket, int how);

    [LibraryImport(Library, EntryPoint = "poll", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Poll(ref PollDescriptor descriptor, nuint count, int milliseconds);

    /// <summary><c>struct linger</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Linger
    {
        /// <summary>Size of it in octets.</summary>
        public const int Size = 2 * sizeof(int);

        /// <summary>1: it counts.</summary>
        public int OnOff;

        /// <summary>How long a close waits; 0: it resets.</summary>
        public int Seconds;
    }

    /// <summary><c>struct pollfd</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PollDescriptor
    {
        /// <summary>The descriptor's number.</summary>
        public int Descriptor;

        /// <summary>What is asked for.</summary>
        public short Events;

        /// <summary>What there is.</summary>
        public short Returned;
    }
}
