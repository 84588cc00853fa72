namespace SmtpShield.Metrics;

/// <summary>What a session is doing.</summary>
internal enum SessionState : byte
{
    /// <summary>Its client is not greeted yet.</summary>
    Greeting,

    /// <summary>Commands and replies.</summary>
    Command,

    /// <summary>A message is on its way, or the MTA's word on it.</summary>
    Content,

    /// <summary>A reply waits for <c>smtpd_error_sleep_time</c>.</summary>
    Delayed,

    /// <summary>A command waits for a session with the MTA.</summary>
    Waiting,

    /// <summary>STARTTLS was passed on.</summary>
    Tunnel,
}
