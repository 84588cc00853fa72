namespace SmtpShield.Mta.Stress;

/// <summary>What shows that an MTA is hard pressed.</summary>
internal enum StressReason : byte
{
    /// <summary>Nothing does.</summary>
    None,

    /// <summary>Most of the sessions it may have are in use.</summary>
    Sessions,

    /// <summary>Somebody has waited for one for a second.</summary>
    Waiting,

    /// <summary>It takes much longer to answer than usual.</summary>
    Slow,

    /// <summary>It says 421, or 4.3.x (mail system status, RFC 3463 section 3.4).</summary>
    SystemReplies,

    /// <summary>It refuses connections, or stays silent.</summary>
    Dials,
}
