namespace SmtpShield.Mta.Slots;

/// <summary>What an MTA does for a session that shows how fast it is: each takes a time of its own.</summary>
internal enum MtaWork : byte
{
    /// <summary>It is connected to, and greets.</summary>
    Greeting,

    /// <summary>It answers MAIL.</summary>
    Sender,

    /// <summary>It answers RCPT.</summary>
    Recipient,
}
