using Microsoft.Extensions.Logging;

namespace SmtpShield.Session;

/// <summary>
/// Log lines of a running session, in Postfix's words where Postfix has them. Event ids 1500 to 1599; 1530 to 1539 are
/// <c>ThrottleLog</c>'s; next free: 1518 to 1529, 1540 to 1549, then 1552.
/// </summary>
internal static partial class RelayLog
{
    [LoggerMessage(1500, LogLevel.Warning, "{Client}: request longer than {Limit}: {Start}...", EventName = "RequestTooLong")]
    public static partial void RequestTooLong(ILogger logger, string client, int limit, string start);

    [LoggerMessage(1501, LogLevel.Information, "NOQUEUE: reject: {Command} from {Client}: {Reply}; {Envelope}", EventName = "Rejected")]
    public static partial void Rejected(ILogger logger, string command, string client, string reply, string envelope);

    [LoggerMessage(1502, LogLevel.Warning, "{Client}: SASL {Mechanism} authentication failed: {Reason}", EventName = "AuthenticationFailed")]
    public static partial void AuthenticationFailed(ILogger logger, string client, string mechanism, string reason);

    [LoggerMessage(1503, LogLevel.Information, "NOQUEUE: reject: END-OF-MESSAGE from {Client}: 521 5.5.2 ambiguous end of mail data (bare <LF>, "
        + "bare <CR> or NUL next to a dot); {Envelope}", EventName = "AmbiguousEndOfData")]
    public static partial void AmbiguousEndOfData(ILogger logger, string client, string envelope);

    [LoggerMessage(1504, LogLevel.Information, "EHLO keywords of {Destination} not passed on to clients: {Keywords}", EventName = "EhloKeywordsRemoved")]
    public static partial void EhloKeywordsRemoved(ILogger logger, string destination, string keywords);

    [LoggerMessage(1505, LogLevel.Information, "tls passthrough for {Client}: only connection limits apply from here on", EventName = "TlsPassthrough")]
    public static partial void TlsPassthrough(ILogger logger, string client);

    [LoggerMessage(1514, LogLevel.Warning, "tls passthrough for {Client}: more than {Limit} octets from the client, connection closed",
        EventName = "PassthroughSizeExceeded")]
    public static partial void PassthroughSizeExceeded(ILogger logger, string client, int limit);

    [LoggerMessage(1506, LogLevel.Information, "NOQUEUE: client={Client}", EventName = "FirstRecipient")]
    public static partial void FirstRecipient(ILogger logger, string client);

    // In the words of Postfix before a proxy (smtpd.c, log_whatsup), which names no client: the refusal itself is the MTA's, and logged there as "reject:"
    // by the part of it that refused.
    [LoggerMessage(1507, LogLevel.Information, "proxy-reject: END-OF-MESSAGE: {Reply}; {Envelope}", EventName = "MessageRejected")]
    public static partial void MessageRejected(ILogger logger, string reply, string envelope);

    // Postfix's words before a proxy again, with the client in them: of a session with the MTA that several clients have, nothing else says which of them a
    // message is of.
    [LoggerMessage(1517, LogLevel.Information, "NOQUEUE: proxy-accept: END-OF-MESSAGE from {Client}: {Reply}; {Envelope}", EventName = "MessageAccepted")]
    public static partial void MessageAccepted(ILogger logger, string client, string reply, string envelope);

    [LoggerMessage(1508, LogLevel.Information, "NOQUEUE: reject: ETRN {Domain}... from {Client}", EventName = "EtrnRejected")]
    public static partial void EtrnRejected(ILogger logger, string domain, string client);

    [LoggerMessage(1509, LogLevel.Warning, "{Subject} limit exceeded: {Count} from {Client} for service {Service}", EventName = "EventRateLimitExceeded")]
    public static partial void LimitExceeded(ILogger logger, string subject, int count, string client, string service);

    [LoggerMessage(1510, LogLevel.Warning, "Refusing STARTTLS request from {Client} for service {Service}", EventName = "StartTlsRefused")]
    public static partial void StartTlsRefused(ILogger logger, string client, string service);

    [LoggerMessage(1511, LogLevel.Warning, "non-SMTP command from {Client}: {Line}", EventName = "NotSmtp")]
    public static partial void NotSmtp(ILogger logger, string client, string line);

    [LoggerMessage(1512, LogLevel.Information, "improper command pipelining after {After} from {Client}: {Input}", EventName = "ImproperPipelining")]
    public static partial void ImproperPipelining(ILogger logger, string after, string client, string input);

    [LoggerMessage(
        1550, LogLevel.Information, "upstream {Destination} accepts MAIL or RCPT in forms Postfix refuses: limits count them like any other",
        EventName = "LenientMta")]
    public static partial void LenientMta(ILogger logger, string destination);

    [LoggerMessage(1551, LogLevel.Warning, "{Client}: more than {Limit} octets of input that is refused, connection closed",
        EventName = "RefusedInputExceeded")]
    public static partial void RefusedInputExceeded(ILogger logger, string client, long limit);

    [LoggerMessage(1513, LogLevel.Information, "discarding EHLO keywords: {Keywords}", EventName = "EhloKeywordsDiscarded")]
    public static partial void EhloKeywordsDiscarded(ILogger logger, string keywords);

    [LoggerMessage(1515, LogLevel.Warning, "connect to upstream {Failures} (for {Client})", EventName = "DialFailed")]
    public static partial void DialFailed(ILogger logger, string failures, string client);

    [LoggerMessage(1516, LogLevel.Warning, "upstream {Destination} offers less than it did: {Missing} (for {Client})", EventName = "OffersLess")]
    public static partial void OffersLess(ILogger logger, string destination, string missing, string client);
}
