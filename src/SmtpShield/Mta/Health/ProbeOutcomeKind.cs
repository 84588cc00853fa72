namespace SmtpShield.Mta.Health;

/// <summary>What a try to have a session with a destination means.</summary>
internal enum ProbeOutcomeKind : byte
{
    /// <summary>It serves.</summary>
    Good,

    /// <summary>It has said that it has enough to do.</summary>
    Busy,

    /// <summary>It has taken the connection and said nothing: it is full, or dead.</summary>
    Silent,

    /// <summary>It can't be reached, or is none to use.</summary>
    Failed,
}
