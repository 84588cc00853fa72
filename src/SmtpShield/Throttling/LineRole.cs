namespace SmtpShield.Throttling;

/// <summary>What a line is among those about one connection.</summary>
internal enum LineRole : byte
{
    /// <summary>None of them, or an error: it is always logged.</summary>
    Always,

    /// <summary>It comes with the others.</summary>
    Part,

    /// <summary>It comes with the others, and says best what happened.</summary>
    Telling,

    /// <summary>An event of its own.</summary>
    Event,

    /// <summary>What comes behind it nobody sees: it may be a message.</summary>
    MayDeliver,
}
