namespace SmtpShield.Session;

/// <summary>What there is of the MTA's next reply.</summary>
internal enum MtaReplyStatus
{
    /// <summary>All of it.</summary>
    Complete,

    /// <summary>Nothing, or a part; the rest may come.</summary>
    Awaited,

    /// <summary>Nothing, or a part, and the MTA has closed.</summary>
    Lost,

    /// <summary>What is no reply.</summary>
    Malformed,
}
