namespace SmtpShield.Metrics;

/// <summary>What became of a handshake with a client.</summary>
internal enum HandshakeOutcome : byte
{
    /// <summary>A new TLS session.</summary>
    New,

    /// <summary>An earlier session goes on.</summary>
    Resumed,

    /// <summary>It has begun and come to nothing.</summary>
    Failed,

    /// <summary>There was no place for it, or the client may have none.</summary>
    Refused,
}
