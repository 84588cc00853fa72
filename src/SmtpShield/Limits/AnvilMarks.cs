namespace SmtpShield.Limits;

/// <summary>What is marked at a record.</summary>
[Flags]
internal enum AnvilMarks : byte
{
    /// <summary>It is idle, and was over a limit when room was needed.</summary>
    Held = 1 << 0,

    /// <summary>A connection was refused for those that are open.</summary>
    RefusedOpen = 1 << 1,
}
