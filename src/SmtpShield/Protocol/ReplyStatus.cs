namespace SmtpShield.Protocol;

/// <summary>What an attempt to read a reply found.</summary>
internal enum ReplyStatus
{
    /// <summary>A whole reply.</summary>
    Complete,

    /// <summary>Its last line has not arrived.</summary>
    NeedMore,

    /// <summary>Not a reply (RFC 5321 section 4.2), or one above <see cref="ProtocolLimits"/>.</summary>
    Malformed,
}
