using System.Runtime.InteropServices;

namespace SmtpShield.Transport;

/// <summary>
/// Whether a program that this process starts gets a descriptor (fcntl(2), <c>FD_CLOEXEC</c>). .NET makes all of its own so that none does. Of a socket that
/// others have, too, it also decides that closing it here leaves it as it is there: .NET disconnects one that is its own while somebody waits at it.
/// </summary>
internal static class DescriptorInheritance
{
    // Numbers of asm-generic/fcntl.h.
    private const int SetFlags = 2;
    private const int CloseOnExec = 1;

    /// <summary>Says whether it is passed on.</summary>
    public static void Set(SafeHandle descriptor, bool isPassedOn) => _ = Control(descriptor, SetFlags, isPassedOn ? 0 : CloseOnExec);

    [DllImport("libc", EntryPoint = "fcntl", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Control(SafeHandle descriptor, int command, int argument);
}
