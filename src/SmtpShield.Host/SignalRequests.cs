namespace SmtpShield.Host;

/// <summary>What signals have asked for.</summary>
[Flags]
internal enum SignalRequests
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Open the log anew: SIGUSR1.</summary>
    ReopenLog = 1,

    /// <summary>Read the configuration again and open the log anew: SIGHUP.</summary>
    Reload = 2,
}
