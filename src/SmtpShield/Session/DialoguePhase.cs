namespace SmtpShield.Session;

/// <summary>What the client's next bytes are.</summary>
internal enum DialoguePhase : byte
{
    /// <summary>Command lines.</summary>
    Commands,

    /// <summary>Message content behind the MTA's 354, up to CRLF.CRLF.</summary>
    Content,

    /// <summary>The octets of a BDAT chunk.</summary>
    Chunk,

    /// <summary>A SASL response behind the MTA's 334 (RFC 4954 section 4).</summary>
    SaslResponse,

    /// <summary>Content of a message that is refused because its end is ambiguous: read and dropped up to a real end.</summary>
    RefusedContent,

    /// <summary>TLS behind a relayed STARTTLS: octets, both ways, not looked at.</summary>
    Tunnel,
}
