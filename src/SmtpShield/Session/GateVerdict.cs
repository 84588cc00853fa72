namespace SmtpShield.Session;

/// <summary>What becomes of a command.</summary>
internal enum GateVerdict : byte
{
    /// <summary>The MTA gets it.</summary>
    Forward,

    /// <summary>The shield answers it; the MTA never sees it.</summary>
    Refuse,

    /// <summary>The shield answers it, and the session is over behind that reply.</summary>
    Disconnect,

    /// <summary>It depends on a reply the MTA still owes: the command stays where it is until then.</summary>
    Wait,
}
