namespace SmtpShield.Testing.Hunter;

/// <summary>What <see cref="MtaScript"/> wants done.</summary>
/// <param name="Kind">What.</param>
/// <param name="Octets">What is sent; may be empty.</param>
internal readonly record struct MtaAction(MtaActionKind Kind, string Octets = "");

/// <summary>What an MTA does.</summary>
internal enum MtaActionKind
{
    /// <summary>It sends octets.</summary>
    Send,

    /// <summary>It takes a moment.</summary>
    Pause,

    /// <summary>It sends nothing more, and reads on.</summary>
    EndSending,

    /// <summary>It closes as a killed process does.</summary>
    Close,

    /// <summary>It closes with RST.</summary>
    Reset,
}
