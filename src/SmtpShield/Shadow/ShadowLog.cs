using Microsoft.Extensions.Logging;

namespace SmtpShield.Shadow;

/// <summary>
/// Log lines of limits in shadow: the words of the line the limit would have had, at level information, with <c>(shadow)</c> behind the words that name the
/// event, where no filter that looks for that line finds it. The id is that line's and 50.
/// </summary>
internal static partial class ShadowLog
{
    [LoggerMessage(1250, LogLevel.Information, "{Subject} limit exceeded (shadow): {Count} from {Client} for service {Service}",
        EventName = "ConnectionLimitInShadow")]
    public static partial void ConnectionLimit(ILogger logger, string subject, int count, string client, string service);

    [LoggerMessage(1251, LogLevel.Information, "improper command pipelining (shadow) after {After} from {Client}", EventName = "EarlyTalkInShadow")]
    public static partial void EarlyTalk(ILogger logger, string after, string client);

    [LoggerMessage(1252, LogLevel.Information, "Refusing TLS service request (shadow) from {Client} for service {Service}", EventName = "TlsInShadow")]
    public static partial void TlsService(ILogger logger, string client, string service);

    [LoggerMessage(1453, LogLevel.Information, "timeout (shadow) after {After} from {Client}", EventName = "TimeoutInShadow")]
    public static partial void TimedOut(ILogger logger, string after, string client);

    [LoggerMessage(1454, LogLevel.Information, "too many errors (shadow) after {After} from {Client}", EventName = "TooManyErrorsInShadow")]
    public static partial void TooManyErrors(ILogger logger, string after, string client);

    [LoggerMessage(1559, LogLevel.Information, "{Subject} limit exceeded (shadow): {Count} from {Client} for service {Service}",
        EventName = "EventRateLimitInShadow")]
    public static partial void EventRate(ILogger logger, string subject, int count, string client, string service);

    [LoggerMessage(1560, LogLevel.Information, "Refusing STARTTLS request (shadow) from {Client} for service {Service}", EventName = "StartTlsInShadow")]
    public static partial void StartTls(ILogger logger, string client, string service);

    [LoggerMessage(1561, LogLevel.Information, "non-SMTP command (shadow) from {Client}: {Line}", EventName = "NotSmtpInShadow")]
    public static partial void NotSmtp(ILogger logger, string client, string line);

    [LoggerMessage(1562, LogLevel.Information, "improper command pipelining (shadow) after {After} from {Client}", EventName = "PipeliningInShadow")]
    public static partial void Pipelining(ILogger logger, string after, string client);
}
