using System.Runtime.InteropServices;

namespace SmtpShield.Transport;

/// <summary>
/// How many files and sockets the system lets this process have open at the same time (getrlimit(2), <c>RLIMIT_NOFILE</c>). Linux only; elsewhere there is no
/// limit to speak of.
/// </summary>
internal static class DescriptorLimit
{
    // Number of asm-generic/resource.h; RLIM_INFINITY is all ones.
    private const int RlimitNofile = 7;

    /// <summary>Raises the soft limit to the hard one, which every process may.</summary>
    /// <returns>Descriptors: the limit in force then.</returns>
    public static int Raise()
    {
        // rlim_t is unsigned long where glibc has these names, first the soft limit.
        var limits = new nuint[2];
        if (!OperatingSystem.IsLinux() || GetLimit(RlimitNofile, limits) != 0)
            return int.MaxValue;

        var soft = limits[0];
        if (soft < limits[1])
        {
            limits[0] = limits[1];
            if (SetLimit(RlimitNofile, limits) != 0)
                limits[0] = soft;
        }

        return (int)nuint.Min(limits[0], int.MaxValue);
    }

    /// <summary>Descriptors that are open now, those of the program's own files included: .NET keeps two for each assembly.</summary>
    public static int CountOpen() => OperatingSystem.IsLinux() ? Directory.EnumerateFileSystemEntries("/proc/self/fd").Count() : 0;

    [DllImport("libc", EntryPoint = "getrlimit", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int GetLimit(int resource, [Out] nuint[] limits);

    [DllImport("libc", EntryPoint = "setrlimit", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetLimit(int resource, nuint[] limits);
}
