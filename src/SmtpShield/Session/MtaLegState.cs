namespace SmtpShield.Session;

/// <summary>What there is on the MTA's side of a session.</summary>
internal enum MtaLegState : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A connection is being made.</summary>
    Dialing,

    /// <summary>A session, its greeting read.</summary>
    Ready,

    /// <summary>The MTA has been told QUIT; nothing else may follow.</summary>
    Draining,

    /// <summary>Nothing any more.</summary>
    Gone,
}
