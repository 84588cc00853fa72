using System.Globalization;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>All processors together, proc(5).</summary>
internal static class Machine
{
    // user, nice, system, then idle and iowait, irq, softirq.
    private static readonly int[] s_busy = [1, 2, 3, 6, 7];

    /// <summary>Time they were busy since the machine's start.</summary>
    public static TimeSpan BusyTime
    {
        get
        {
            var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return TimeSpan.FromSeconds(s_busy.Sum(index => long.Parse(fields[index], CultureInfo.InvariantCulture)) / ProcessFigures.TicksPerSecond);
        }
    }
}
