using Microsoft.Win32.SafeHandles;

namespace SmtpShield.PostfixConf.Files;

/// <summary>
/// The one place where files an administrator has named are opened: main.cf, lists and tables, keys and certificates, the log. What is there may be something
/// else: to open a named pipe waits for its other end, to read a device may never end. So only regular files are opened, and without waiting.
/// </summary>
internal static class RegularFile
{
    // Where lines are thrown away on purpose.
    private const string Nowhere = "/dev/null";

    private const UnixFileMode ForOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Why what is there can't be read or written as a file; empty for a regular file, and where nothing is.</summary>
    public static string WhyNot(string path)
    {
        // A name would end there for the system, and be another file's.
        if (path.Contains('\0', StringComparison.Ordinal))
            return "Invalid argument";
        if (!OperatingSystem.IsLinux())
            return Directory.Exists(path) ? "Is a directory" : "";
        if (!UnixFile.TryStatus(path, out var status))
            return "";
        return status.Kind switch
        {
            UnixFile.RegularFile => "",
            UnixFile.Directory => "Is a directory",
            UnixFile.NamedPipe => "Is a named pipe, not a regular file",
            UnixFile.Socket => "Is a socket, not a regular file",
            _ => "Is a device, not a regular file",
        };
    }

    /// <summary>The same for a file that is written: <c>/dev/null</c> is as good as one.</summary>
    public static string WhyNotWritten(string path) => path == Nowhere ? "" : WhyNot(path);

    /// <summary>Opens a file to read it.</summary>
    /// <exception cref="IOException">It is none, or can't be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static SafeFileHandle OpenToRead(string path)
    {
        Require(WhyNot(path));
        return OperatingSystem.IsLinux()
            ? UnixFile.Open(path, UnixFile.ForReading, default)
            : File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    /// <summary>
    /// Opens a file, or makes one for its owner only, to append to it: on Linux what is written goes behind what others have written meanwhile.
    /// </summary>
    /// <exception cref="IOException">It is none, or can't be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static SafeFileHandle OpenToAppend(string path)
    {
        Require(WhyNotWritten(path));
        return OperatingSystem.IsLinux()
            ? UnixFile.Open(path, UnixFile.ForAppending, ForOwner)
            : File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, FileOptions.Asynchronous);
    }

    private static void Require(string whyNot)
    {
        if (whyNot.Length > 0)
            throw new IOException(whyNot);
    }
}
