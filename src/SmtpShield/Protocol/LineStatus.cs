namespace SmtpShield.Protocol;

/// <summary>What an attempt to read a line found.</summary>
internal enum LineStatus
{
    /// <summary>A whole line.</summary>
    Complete,

    /// <summary>The line's end has not arrived.</summary>
    NeedMore,

    /// <summary>More octets than allowed without a line end.</summary>
    TooLong,
}
