namespace SmtpShield.Protocol;

/// <summary>What an MTA lacks of what its clients were told.</summary>
internal enum OfferGap : byte
{
    /// <summary>Nothing that matters: what it lacks it refuses itself, and nothing is lost by it.</summary>
    None,

    /// <summary>PIPELINING: it gets one command at a time.</summary>
    Pipelining,

    /// <summary>Something without which it would refuse for good what a client was told it may send.</summary>
    Vital,
}
