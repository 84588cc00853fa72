using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Mta.Probing;

/// <summary>
/// Where bugs in probing are told, of whichever destination, so that all others are probed and judged as if there were none. Probing goes on each second: one
/// line a minute for each destination.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="log">Where log lines go.</param>
internal sealed partial class ProbeMishaps(TimeProvider time, ILogger<ProbeMishaps> log)
{
    private static readonly TimeSpan s_between = TimeSpan.FromMinutes(1);

    // By what has been configured since the start.
    private readonly ConcurrentDictionary<(string Service, string Destination), AtMostOnce> _told = new();

    /// <summary>Something was thrown.</summary>
    public void Note(string service, string destination, Exception exception)
    {
        if (_told.GetOrAdd((service, destination), static (_, time) => new(time, s_between), time).IsDue())
            Log.ProbeFailed(log, exception, destination);
    }

    private static partial class Log
    {
        [LoggerMessage(1606, LogLevel.Error, "probing upstream {Destination} failed", EventName = "ProbeFailed")]
        public static partial void ProbeFailed(ILogger logger, Exception exception, string destination);
    }
}
