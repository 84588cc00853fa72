namespace SmtpShield.Session;

/// <summary>What changes the phase of a dialogue.</summary>
internal enum DialogueEvent : byte
{
    /// <summary>The MTA's 354 to DATA was relayed.</summary>
    ContentAsked,

    /// <summary>The end of mail data has come.</summary>
    ContentEnded,

    /// <summary>Content has come whose end no two parsers read alike.</summary>
    ContentAmbiguous,

    /// <summary>BDAT has come; its octets are next.</summary>
    ChunkAnnounced,

    /// <summary>The last octet of the chunk has come.</summary>
    ChunkEnded,

    /// <summary>The MTA's 334 to AUTH was relayed.</summary>
    Challenged,

    /// <summary>The client's response to it has come.</summary>
    Responded,

    /// <summary>A final reply to a command was relayed.</summary>
    Answered,

    /// <summary>The MTA's 220 to STARTTLS was relayed, and TLS is its business.</summary>
    TlsPassedOn,
}
