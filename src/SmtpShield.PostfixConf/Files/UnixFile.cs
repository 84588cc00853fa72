using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace SmtpShield.PostfixConf.Files;

/// <summary>What Linux says of a file, and its ways to open one, for which .NET has no words.</summary>
internal static class UnixFile
{
    /// <summary><c>S_IFREG</c>, an ordinary file.</summary>
    public const int RegularFile = 0x8000;

    /// <summary><c>S_IFDIR</c>.</summary>
    public const int Directory = 0x4000;

    /// <summary><c>S_IFIFO</c>, a pipe with a name.</summary>
    public const int NamedPipe = 0x1000;

    /// <summary><c>S_IFSOCK</c>.</summary>
    public const int Socket = 0xC000;

    /// <summary><c>O_RDONLY</c>.</summary>
    public const int ForReading = 0;

    /// <summary><c>O_WRONLY | O_CREAT | O_APPEND</c>: each write goes to the end of the file, whoever else writes there.</summary>
    public const int ForAppending = 0x1 | 0x40 | 0x400;

    // struct statx of linux/stat.h, the same on every architecture.
    private const int StatxLength = 256;
    private const int UserOffset = 20;
    private const int GroupOffset = 24;
    private const int ModeOffset = 28;
    private const int InodeOffset = 32;
    private const int DeviceMajorOffset = 136;
    private const int DeviceMinorOffset = 140;
    private const uint TypeUserAndGroup = 0x01 | 0x08 | 0x10;
    private const uint TypeAndInode = 0x01 | 0x100;
    private const int NoFollow = 0x100;
    private const int WorkingDirectory = -100;
    private const int KindMask = 0xF000;

    // O_NOCTTY | O_NONBLOCK | O_CLOEXEC: a pipe does not wait for its other end, a terminal does not become the program's.
    private const int WithoutWaiting = 0x100 | 0x800 | 0x80000;

    private const int NoEntry = 2;
    private const int Interrupted = 4;
    private const int AccessDenied = 13;
    private const int NotPermitted = 1;
    private const int NotADirectory = 20;
    private const int ReadOnlyFileSystem = 30;

    /// <summary>Asks for the kind (<see cref="RegularFile"/> and its sisters) and the owner of a file, symbolic links followed.</summary>
    /// <returns>Whether there is an answer.</returns>
    public static bool TryStatus(string path, out (int Kind, uint User, uint Group) status)
    {
        var buffer = new byte[StatxLength];
        var read = Statx(WorkingDirectory, path, 0, TypeUserAndGroup, buffer) == 0;
        status = (ReadShort(buffer, ModeOffset) & KindMask, ReadNumber(buffer, UserOffset), ReadNumber(buffer, GroupOffset));
        return read;
    }

    /// <summary>Asks what is at a path itself, also where that is a symbolic link.</summary>
    /// <returns>Whether there is an answer.</returns>
    public static bool TryIdentify(string path, out UnixFileIdentity identity)
    {
        var buffer = new byte[StatxLength];
        var read = Statx(WorkingDirectory, path, NoFollow, TypeAndInode, buffer) == 0;
        var inode = buffer.AsSpan(InodeOffset);
        identity = new(
            ReadShort(buffer, ModeOffset) & KindMask,
            ReadNumber(buffer, DeviceMajorOffset),
            ReadNumber(buffer, DeviceMinorOffset),
            BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt64LittleEndian(inode) : BinaryPrimitives.ReadUInt64BigEndian(inode));
        return read;
    }

    /// <summary>Opens a file without waiting for anybody.</summary>
    /// <param name="path">The file.</param>
    /// <param name="access"><see cref="ForReading"/> or <see cref="ForAppending"/>.</param>
    /// <param name="mode">The mode of a file that is made.</param>
    /// <exception cref="IOException">It can't be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be.</exception>
    public static SafeFileHandle Open(string path, int access, UnixFileMode mode)
    {
        while (true)
        {
            var file = Open(path, access | WithoutWaiting, (uint)mode);
            if (!file.IsInvalid)
                return file;

            var error = Marshal.GetLastPInvokeError();
            file.Dispose();
            if (error != Interrupted)
                throw Failure(error);
        }
    }

    /// <summary>Changes the owner of a file.</summary>
    public static bool TryChangeOwner(string path, uint user, uint group) => ChangeOwner(path, user, group) == 0;

    private static Exception Failure(int error) => error switch
    {
        NoEntry or NotADirectory => new FileNotFoundException(Marshal.GetPInvokeErrorMessage(error)),
        AccessDenied or NotPermitted or ReadOnlyFileSystem => new UnauthorizedAccessException(Marshal.GetPInvokeErrorMessage(error), new Win32Exception(error)),
        _ => new IOException(Marshal.GetPInvokeErrorMessage(error), error),
    };

    private static uint ReadNumber(byte[] status, int offset) =>
        BitConverter.IsLittleEndian
            ? BinaryPrimitives.ReadUInt32LittleEndian(status.AsSpan(offset))
            : BinaryPrimitives.ReadUInt32BigEndian(status.AsSpan(offset));

    private static ushort ReadShort(byte[] status, int offset) =>
        BitConverter.IsLittleEndian
            ? BinaryPrimitives.ReadUInt16LittleEndian(status.AsSpan(offset))
            : BinaryPrimitives.ReadUInt16BigEndian(status.AsSpan(offset));

    [DllImport("libc", EntryPoint = "statx", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int directory, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, byte[] status);

    [DllImport("libc", EntryPoint = "open", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern SafeFileHandle Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mode);

    [DllImport("libc", EntryPoint = "chown", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ChangeOwner([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint user, uint group);
}
