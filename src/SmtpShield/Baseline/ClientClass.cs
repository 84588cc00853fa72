namespace SmtpShield.Baseline;

/// <summary>Whose counts they are.</summary>
internal enum ClientClass
{
    /// <summary>A client of whom the MTA accepted a message in the window, or within one before it.</summary>
    Delivers,

    /// <summary>Any other.</summary>
    Other,
}
