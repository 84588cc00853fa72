namespace SmtpShield.Tls;

/// <summary>Why there is no place for a handshake.</summary>
internal enum HandshakeRefusal
{
    /// <summary>There is one.</summary>
    None,

    /// <summary>All places are taken: nobody has been silent for long enough, or the client's range holds one.</summary>
    LimitReached,

    /// <summary>The client's range holds its share of them.</summary>
    ShareTaken,
}
