namespace SmtpShield.Options;

/// <summary>Which of several MTAs gets a new session: <c>shield_upstream_policy</c>.</summary>
public enum UpstreamPolicy
{
    /// <summary>The one with the fewest sessions.</summary>
    LeastSessions,

    /// <summary>Each in its turn.</summary>
    RoundRobin,

    /// <summary>The one that is written first, as long as it can.</summary>
    First,

    /// <summary>The same one for the same client.</summary>
    Client,
}
