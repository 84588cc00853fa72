using Microsoft.Extensions.Logging;

namespace SmtpShield.Throttling;

/// <summary>What is said of lines that were left out. Event ids 1411 and 1530 to 1539; next free: 1531.</summary>
internal static partial class ThrottleLog
{
    [LoggerMessage(1411, LogLevel.Information, "suppressed {Count} log lines about {Client}", EventName = "LogLinesSuppressed")]
    public static partial void Suppressed(ILogger logger, long count, string client);

    [LoggerMessage(1530, LogLevel.Information, "suppressed {Count} log lines about {Clients} clients", EventName = "LogLinesOfClientsSuppressed")]
    public static partial void SuppressedOfAll(ILogger logger, long count, long clients);
}
