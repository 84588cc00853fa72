using Microsoft.Extensions.Logging;

namespace SmtpShield.Admission;

/// <summary>
/// Log lines about limits on connections and handshakes, in Postfix's words. Event ids 1200 to 1299 (1201 is <see cref="PregreetCheck"/>'s); next free: 1203.
/// </summary>
internal static partial class AdmissionLog
{
    [LoggerMessage(1200, LogLevel.Warning, "{Subject} limit exceeded: {Count} from {Client} for service {Service}", EventName = "ConnectionLimitExceeded")]
    public static partial void LimitExceeded(ILogger logger, string subject, int count, string client, string service);

    [LoggerMessage(1202, LogLevel.Warning, "Refusing TLS service request from {Client} for service {Service}", EventName = "TlsRefused")]
    public static partial void TlsRefused(ILogger logger, string client, string service);
}
