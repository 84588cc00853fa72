namespace SmtpShield.Protocol;

/// <summary>What a stretch of message content ended with.</summary>
internal enum ContentVerdict
{
    /// <summary>No end in it.</summary>
    Continues,

    /// <summary>The end of mail data, CRLF.CRLF.</summary>
    End,

    /// <summary>Octets some parsers take for the end of mail data and others don't.</summary>
    Ambiguous,
}
