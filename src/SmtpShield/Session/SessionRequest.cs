namespace SmtpShield.Session;

/// <summary>What a session is asked to end for. It decides.</summary>
internal enum SessionRequest : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Memory is short.</summary>
    Memory,

    /// <summary>Another client waits for its place, and its own is silent.</summary>
    Place,
}
