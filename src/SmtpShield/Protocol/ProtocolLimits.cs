namespace SmtpShield.Protocol;

/// <summary>Sizes that are not configured.</summary>
internal static class ProtocolLimits
{
    /// <summary>Octets of a SASL response without its line end (RFC 4954 section 4, Postfix <c>smtpd_sasl_response_limit</c>).</summary>
    public const int SaslLine = 12288;

    /// <summary>Octets of one reply line with its end; RFC 5321 section 4.5.3.1.5 has 512.</summary>
    public const int ReplyLine = 4096;

    /// <summary>Octets of one reply with all its lines.</summary>
    public const int Reply = 64 * 1024;

    /// <summary>Lines of one reply.</summary>
    public const int ReplyLines = 500;

    /// <summary>BDAT commands of one message; senders use a handful.</summary>
    public const int Chunks = 10_000;

    /// <summary>
    /// Octets of refused messages, refused chunks and over-long lines that are read and dropped in a session, so that the client comes to its reply.
    /// </summary>
    public const long RefusedContent = 10 * 1024 * 1024;
}
