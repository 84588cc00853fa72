namespace SmtpShield.Limits;

/// <summary>When a limit is judged.</summary>
[Flags]
internal enum LimitMoments : byte
{
    /// <summary>When the client connects, in place of the greeting.</summary>
    Connect = 1 << 0,

    /// <summary>At a command, before the MTA sees it.</summary>
    Command = 1 << 1,

    /// <summary>Before a handshake and behind it.</summary>
    Handshake = 1 << 2,
}
