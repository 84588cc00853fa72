namespace SmtpShield.Limits;

/// <summary>What a client's history has of it.</summary>
internal enum ClientEventKind : byte
{
    /// <summary>A limit on the client has refused a connection, a command or a handshake.</summary>
    Limit,

    /// <summary>It may begin no handshake, because of those it has left.</summary>
    Handshakes,

    /// <summary>The MTA has refused a command, which counted as an error of the session.</summary>
    Error,

    /// <summary>Its session has ended for its errors.</summary>
    TooManyErrors,

    /// <summary>Its session has ended for a command that is not SMTP.</summary>
    ForbiddenCommand,

    /// <summary>Its session has ended for input before its time.</summary>
    Pipelining,

    /// <summary>An operator has set its counts to 0.</summary>
    Released,
}
