namespace SmtpShield.Metrics;

/// <summary>What became of one try to reach an MTA for a client.</summary>
internal enum DialOutcome : byte
{
    /// <summary>It has greeted with 220.</summary>
    Greeted,

    /// <summary>It has greeted with 421.</summary>
    Busy,

    /// <summary>It has greeted with something else.</summary>
    Refused,

    /// <summary>There is no connection: refused, no route, no address of the name.</summary>
    Unreachable,

    /// <summary>There was none in time.</summary>
    TimedOut,

    /// <summary>It has closed or broken the connection.</summary>
    Lost,

    /// <summary>It has said nothing in time.</summary>
    Silent,

    /// <summary>TLS or XCLIENT has failed, or it has said what is no reply.</summary>
    Failed,
}
