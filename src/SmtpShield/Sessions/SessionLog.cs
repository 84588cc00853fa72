using Microsoft.Extensions.Logging;

namespace SmtpShield.Sessions;

/// <summary>Log lines of a session's beginning and end, in Postfix's words where Postfix has them. Event ids 1402 to 1499 (1400, 1401 and 1430 are <see cref="RecordSession"/>'s); next free: 1413 to 1429, then 1432.</summary>
internal static partial class SessionLog
{
    [LoggerMessage(1402, LogLevel.Information, "lost connection after {After} from {Client}", EventName = "ConnectionLost")]
    public static partial void ConnectionLost(ILogger logger, string after, string client);

    [LoggerMessage(1403, LogLevel.Information, "timeout after {After} from {Client}", EventName = "TimedOut")]
    public static partial void TimedOut(ILogger logger, string after, string client);

    [LoggerMessage(1404, LogLevel.Information, "too many errors after {After} from {Client}", EventName = "TooManyErrors")]
    public static partial void TooManyErrors(ILogger logger, string after, string client);

    [LoggerMessage(1406, LogLevel.Warning, "lost connection with upstream {Destination} after {After} from {Client}", EventName = "UpstreamLost")]
    public static partial void UpstreamLost(ILogger logger, string destination, string after, string client);

    [LoggerMessage(1407, LogLevel.Warning, "timeout talking to upstream {Destination} after {After} from {Client}", EventName = "UpstreamTimedOut")]
    public static partial void UpstreamTimedOut(ILogger logger, string destination, string after, string client);

    [LoggerMessage(1408, LogLevel.Warning, "unexpected reply from upstream {Destination} after {After} from {Client}: connection dropped", EventName = "UpstreamMalformed")]
    public static partial void UpstreamMalformed(ILogger logger, string destination, string after, string client);

    [LoggerMessage(1409, LogLevel.Error, "session with {Client} failed", EventName = "SessionFailed")]
    public static partial void Failed(ILogger logger, string client, Exception exception);

    [LoggerMessage(1410, LogLevel.Information, "session ended after {After} from {Client}: what the client sent can be read in two ways, or came before its time", EventName = "SessionRefused")]
    public static partial void Refused(ILogger logger, string after, string client);

    [LoggerMessage(1411, LogLevel.Information, "suppressed {Count} log lines about {Client}", EventName = "LogLinesSuppressed")]
    public static partial void Suppressed(ILogger logger, long count, string client);

    [LoggerMessage(1412, LogLevel.Information, "session ended after {After} from {Client}: memory is short", EventName = "SessionShed")]
    public static partial void Shed(ILogger logger, string after, string client);

    [LoggerMessage(1431, LogLevel.Debug, "lost connection after {After} from {Client}", EventName = "CheckLost")]
    public static partial void CheckLost(ILogger logger, string after, string client);
}
