using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace SmtpShield.Configuration.MainCf;

/// <summary>The owner of a file, which .NET has no words for: Linux only, a no-op elsewhere.</summary>
internal static class UnixOwner
{
    // struct statx of linux/stat.h, the same on every architecture.
    private const int StatxLength = 256;
    private const int UserOffset = 20;
    private const int GroupOffset = 24;
    private const uint UserAndGroup = 0x08 | 0x10;
    private const int WorkingDirectory = -100;

    /// <summary>Gives <paramref name="target"/> the owner and group of <paramref name="source"/>.</summary>
    /// <returns>Whether it has them now.</returns>
    public static bool TryCopy(string source, string target)
    {
        if (!OperatingSystem.IsLinux())
            return true;
        return TryRead(source, out var wanted) && TryRead(target, out var actual) && (wanted == actual || ChangeOwner(target, wanted.User, wanted.Group) == 0);
    }

    private static bool TryRead(string path, out (uint User, uint Group) owner)
    {
        var status = new byte[StatxLength];
        var read = Statx(WorkingDirectory, path, 0, UserAndGroup, status) == 0;
        owner = (ReadNumber(status, UserOffset), ReadNumber(status, GroupOffset));
        return read;
    }

    private static uint ReadNumber(byte[] status, int offset) =>
        BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(status.AsSpan(offset)) : BinaryPrimitives.ReadUInt32BigEndian(status.AsSpan(offset));

    [DllImport("libc", EntryPoint = "statx", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int directory, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, byte[] status);

    [DllImport("libc", EntryPoint = "chown", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ChangeOwner([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint user, uint group);
}
