namespace SmtpShield.Options;

/// <summary>When an event waits for what other shields count: <c>shield_shared_mode</c>.</summary>
public enum SharingMode
{
    /// <summary>Never: it is judged by what was heard last.</summary>
    Async,

    /// <summary>From where all shields together could be at a limit on.</summary>
    Near,

    /// <summary>Whenever there is a limit on it.</summary>
    Strict,
}
