namespace SmtpShield.Limits;

/// <summary>
/// Kinds of events in the log that a client has a budget for, each its own: ten connections refused do not hide the failed logins behind them.
/// </summary>
internal enum LogEventKind : byte
{
    /// <summary>A connection, or a handshake, that was refused by a limit of the shield's.</summary>
    Connection,

    /// <summary>A command refused by a limit of the shield's.</summary>
    Command,

    /// <summary>What the MTA, or the shield in its place, refuses with a <c>reject:</c> line.</summary>
    Reject,

    /// <summary>A failed login.</summary>
    Login,

    /// <summary>A session that ended without a message.</summary>
    Session,
}
