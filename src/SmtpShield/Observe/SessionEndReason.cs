namespace SmtpShield.Observe;

/// <summary>Which side ended a session, and how.</summary>
internal enum SessionEndReason : byte
{
    /// <summary>Still running.</summary>
    None,

    /// <summary>STARTTLS, answered with 220: the handshake is next.</summary>
    StartTls,

    /// <summary>QUIT, answered.</summary>
    ClientQuit,

    /// <summary>The client closed or reset the connection.</summary>
    ClientLost,

    /// <summary>The client sent nothing for <c>smtpd_timeout</c>.</summary>
    ClientTimeout,

    /// <summary>The client did not take its replies.</summary>
    ClientStalled,

    /// <summary><c>smtpd_hard_error_limit</c>.</summary>
    TooManyErrors,

    /// <summary>A command or message no two parsers read alike; refused with 521.</summary>
    ClientRefused,

    /// <summary>The shield ended the session with a reply that a log line of its own explains.</summary>
    ClientDisconnected,

    /// <summary>The MTA ended the session itself: 421, 521, 221, or a close behind one of them.</summary>
    UpstreamEnded,

    /// <summary>The MTA closed or reset the connection without a reply it owed.</summary>
    UpstreamLost,

    /// <summary>The MTA did not answer in time.</summary>
    UpstreamTimeout,

    /// <summary>The MTA said something that is no reply, or one nobody asked for.</summary>
    UpstreamMalformed,

    /// <summary>No MTA could be reached; the log has said why.</summary>
    NoUpstream,

    /// <summary>The client talked before it was greeted; the log has said so.</summary>
    TalkedFirst,

    /// <summary>No PROXY header came where there must be one.</summary>
    NoProxyHeader,

    /// <summary>The client is banned.</summary>
    Banned,

    /// <summary>The client is over a limit on connections; the log has said so.</summary>
    ConnectionLimit,

    /// <summary>The client may not have the handshake that its connection begins with.</summary>
    HandshakeRefused,

    /// <summary>The client is over the limit on new TLS sessions; the log has said so.</summary>
    HandshakeLimit,

    /// <summary>A bug; the log has the exception.</summary>
    Failed,

    /// <summary>The shield shuts down, or the MTA is taken out by hand and nobody knows what another one would say.</summary>
    Shutdown,

    /// <summary>Memory is short, and the session makes room.</summary>
    Shed,
}
