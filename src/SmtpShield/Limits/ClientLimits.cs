using SmtpShield.Configuration;

namespace SmtpShield.Limits;

/// <summary>All limits that are judged per client, together. A limit of 0 is off, and a count at the limit is within it (smtpd.c).</summary>
internal static class ClientLimits
{
    /// <summary>Whether there is anything to count for. Postfix registers connections as long as one of the limits is set, because all of them need the client's record (smtpd.c).</summary>
    public static bool IsAnySet(SmtpdLimitOptions limits) =>
        limits.ClientConnectionCountLimit > 0 || limits.ClientConnectionRateLimit > 0
        || limits.ClientMessageRateLimit > 0 || limits.ClientRecipientRateLimit > 0 || limits.ClientNewTlsSessionRateLimit > 0 || limits.ClientAuthRateLimit > 0
        || limits.ClientErrorRateLimit > 0 || limits.ClientAuthFailureRateLimit > 0;

    /// <summary>The limit on an event; 0: it is not counted.</summary>
    public static int LimitOf(AnvilEvent kind, SmtpdLimitOptions limits) => kind switch
    {
        AnvilEvent.Message => limits.ClientMessageRateLimit,
        AnvilEvent.Recipient => limits.ClientRecipientRateLimit,
        AnvilEvent.NewTlsSession => limits.ClientNewTlsSessionRateLimit,
        AnvilEvent.Auth => limits.ClientAuthRateLimit,
        AnvilEvent.Error => limits.ClientErrorRateLimit,
        AnvilEvent.AuthFailure => limits.ClientAuthFailureRateLimit,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>Whether one of the counts is over its limit.</summary>
    public static bool IsAnyExceeded(in AnvilCounts counts, SmtpdLimitOptions limits) =>
        IsExceeded(counts.ConnectionCount, limits.ClientConnectionCountLimit)
        || IsExceeded(counts.ConnectionRate, limits.ClientConnectionRateLimit)
        || IsExceeded(counts.Messages, limits.ClientMessageRateLimit)
        || IsExceeded(counts.Recipients, limits.ClientRecipientRateLimit)
        || IsExceeded(counts.NewTlsSessions, limits.ClientNewTlsSessionRateLimit)
        || IsExceeded(counts.Auths, limits.ClientAuthRateLimit)
        || IsExceeded(counts.Errors, limits.ClientErrorRateLimit)
        || IsExceeded(counts.AuthFailures, limits.ClientAuthFailureRateLimit);

    private static bool IsExceeded(int count, int limit) => limit > 0 && count > limit;
}
