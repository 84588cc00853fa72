using Microsoft.Extensions.Logging;
using SmtpShield.Admission;
using SmtpShield.Observe;

namespace SmtpShield.Session;

/// <summary>
/// Log lines of a session's beginning and end, in Postfix's words where Postfix has them. Event ids 1402 to 1499 (1400, 1401 and 1430 are
/// <see cref="RecordSession"/>'s, 1411 is <c>ThrottleLog</c>'s); next free: 1413 to 1429, then 1432.
/// </summary>
internal static partial class SessionLog
{
    /// <summary>Writes how a connection ended, where Postfix does.</summary>
    public static void Write(ILogger log, ClientConnection connection)
    {
        if (connection.End is { } end)
            Write(log, end, connection.Client.NameAddress, connection.IsCheck);
        connection.Lines.NoteSuppressed(log, connection.SuppressedLines);
    }

    private static void Write(ILogger log, SessionEnd end, string client, bool isCheck)
    {
        switch (end.Reason)
        {
            // Proxies that check whether the shield lives do little else.
            case SessionEndReason.ClientLost when isCheck:
                CheckLost(log, end.After, client);
                break;

            // Postfix keeps silent about clients that leave without QUIT behind a message.
            case SessionEndReason.ClientLost when end.After != Dialogue.AfterMessage:
                ConnectionLost(log, end.After, client);
                break;
            case SessionEndReason.ClientTimeout or SessionEndReason.ClientStalled:
                TimedOut(log, end.After, client);
                break;
            case SessionEndReason.TooManyErrors:
                TooManyErrors(log, end.After, client);
                break;
            case SessionEndReason.ClientRefused:
                Refused(log, end.After, client);
                break;
            case SessionEndReason.Shed:
                Shed(log, end.After, client);
                break;
            case SessionEndReason.UpstreamLost:
                UpstreamLost(log, end.Destination, end.After, client);
                break;
            case SessionEndReason.UpstreamTimeout:
                UpstreamTimedOut(log, end.Destination, end.After, client);
                break;
            case SessionEndReason.UpstreamMalformed:
                UpstreamMalformed(log, end.Destination, end.After, client);
                break;
        }
    }

    [LoggerMessage(1402, LogLevel.Information, "lost connection after {After} from {Client}", EventName = "ConnectionLost")]
    private static partial void ConnectionLost(ILogger logger, string after, string client);

    [LoggerMessage(1403, LogLevel.Information, "timeout after {After} from {Client}", EventName = "TimedOut")]
    private static partial void TimedOut(ILogger logger, string after, string client);

    [LoggerMessage(1404, LogLevel.Information, "too many errors after {After} from {Client}", EventName = "TooManyErrors")]
    private static partial void TooManyErrors(ILogger logger, string after, string client);

    [LoggerMessage(1406, LogLevel.Warning, "lost connection with upstream {Destination} after {After} from {Client}", EventName = "UpstreamLost")]
    private static partial void UpstreamLost(ILogger logger, string destination, string after, string client);

    [LoggerMessage(1407, LogLevel.Warning, "timeout talking to upstream {Destination} after {After} from {Client}", EventName = "UpstreamTimedOut")]
    private static partial void UpstreamTimedOut(ILogger logger, string destination, string after, string client);

    [LoggerMessage(1408, LogLevel.Warning, "unexpected reply from upstream {Destination} after {After} from {Client}: connection dropped",
        EventName = "UpstreamMalformed")]
    private static partial void UpstreamMalformed(ILogger logger, string destination, string after, string client);

    [LoggerMessage(1409, LogLevel.Error, "session with {Client} failed", EventName = "SessionFailed")]
    public static partial void Failed(ILogger logger, string client, Exception exception);

    [LoggerMessage(1410, LogLevel.Information,
        "session ended after {After} from {Client}: what the client sent can be read in two ways, or came before its time", EventName = "SessionRefused")]
    private static partial void Refused(ILogger logger, string after, string client);

    [LoggerMessage(1412, LogLevel.Information, "session ended after {After} from {Client}: memory is short", EventName = "SessionShed")]
    private static partial void Shed(ILogger logger, string after, string client);

    [LoggerMessage(1431, LogLevel.Debug, "lost connection after {After} from {Client}", EventName = "CheckLost")]
    private static partial void CheckLost(ILogger logger, string after, string client);
}
