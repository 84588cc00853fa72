namespace SmtpShield.Metrics;

/// <summary>What an MTA has answered.</summary>
internal enum ReplyPhase : byte
{
    /// <summary>A connection, with its greeting.</summary>
    Greeting,

    /// <summary>MAIL or RCPT.</summary>
    Command,

    /// <summary>DATA.</summary>
    Data,

    /// <summary>The end of mail data, or the last chunk.</summary>
    EndOfData,
}
