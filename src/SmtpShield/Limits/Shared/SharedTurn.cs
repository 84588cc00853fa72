namespace SmtpShield.Limits.Shared;

/// <summary>In which order changed records are reported.</summary>
internal enum SharedTurn
{
    /// <summary>Somebody waits for what others count of it.</summary>
    Awaited,

    /// <summary>The client is near a limit: above half of what is one shield's part of it.</summary>
    Near,

    /// <summary>Its connections have changed, or it is asked for.</summary>
    Open,

    /// <summary>Anything else. Has the room that others leave while the backlog is large: all that wait together are below half a limit.</summary>
    Rest,

    /// <summary>It is over a limit: once a second, as nothing more is let in.</summary>
    Over,
}
