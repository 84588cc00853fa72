namespace SmtpShield.Throttling;

/// <summary>What is logged of an event.</summary>
internal enum LogVerdict : byte
{
    /// <summary>All its lines.</summary>
    Whole,

    /// <summary>The line that says what happened; the others are counted for all clients together.</summary>
    OneLine,

    /// <summary>Nothing: it is counted for its client.</summary>
    CountedForClient,

    /// <summary>Nothing: it is counted for all clients together.</summary>
    CountedForAll,
}
