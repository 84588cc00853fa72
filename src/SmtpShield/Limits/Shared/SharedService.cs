using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>A service whose counts are shared.</summary>
/// <param name="Name">Its name.</param>
/// <param name="OpenLimit"><c>smtpd_client_connection_count_limit</c>; 0: off.</param>
/// <param name="RateLimits">The limits on rates, in their order; 0: off.</param>
internal readonly record struct SharedService(string Name, int OpenLimit, AnvilEventCounts RateLimits)
{
    /// <summary>When an event waits for what other shields count.</summary>
    public SharingMode Mode { get; init; }

    /// <summary>A service with the limits on its clients.</summary>
    public static SharedService Of(string name, SmtpdLimitOptions limits)
    {
        var (open, rates) = (0, default(AnvilEventCounts));
        foreach (var limit in ClientLimits.All)
        {
            if (limit.Event is { } kind)
                rates[AnvilEventCounts.IndexOf(kind)] = limit.Value(limits);
            else if (limit.IsOnOpenConnections)
                open = limit.Value(limits);
            else
                rates[AnvilEventCounts.Connections] = limit.Value(limits);
        }

        return new(name, open, rates);
    }
}
