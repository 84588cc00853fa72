using System.Globalization;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>What the kernel knows of a process, proc(5).</summary>
internal static class ProcessFigures
{
    /// <summary>USER_HZ, which is 100 wherever Linux runs .NET.</summary>
    public const double TicksPerSecond = 100;

    // Behind the name in its parentheses, which may contain blanks: state is field 3, utime 14, stime 15, cutime 16, cstime 17.
    private static readonly Range s_times = (14 - 3)..(18 - 3);

    /// <summary>Processor time it has used so far, and those of its children that have ended; zero when it is gone.</summary>
    public static TimeSpan ProcessorTimeOf(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return TimeSpan.FromSeconds(fields[s_times].Sum(Number) / TicksPerSecond);
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return TimeSpan.Zero;
        }
    }

    /// <summary>Its memory that is resident now (VmRSS), in mebioctets.</summary>
    public static double ResidentOf(int process) => Number(
        File.ReadLines($"/proc/{process}/status").First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1]) / 1024;

    private static double Number(string digits) => long.Parse(digits, CultureInfo.InvariantCulture);
}
