namespace SmtpShield.State;

/// <summary>The other process of a hand-over, as one of the two sees it.</summary>
internal enum HandOverSide
{
    /// <summary>It has handed over to this process, and serves the clients it has to their end.</summary>
    Predecessor,

    /// <summary>This process hands over to it.</summary>
    Successor,
}
