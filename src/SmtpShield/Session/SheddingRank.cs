namespace SmtpShield.Session;

/// <summary>Whether a session can be ended for want of memory, and how much is lost then.</summary>
internal enum SheddingRank : byte
{
    /// <summary>Not now: only the MTA may say anything (the end of a message is with it), nobody knows (a tunnel), or it has ended already.</summary>
    Kept,

    /// <summary>Between commands, without a transaction.</summary>
    Idle,

    /// <summary>In a transaction, or commands are without a reply.</summary>
    Transaction,

    /// <summary>Inside a message: a part of it is with the MTA.</summary>
    Content,
}
