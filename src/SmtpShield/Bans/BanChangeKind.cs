namespace SmtpShield.Bans;

/// <summary>What has become of a ban.</summary>
internal enum BanChangeKind : byte
{
    /// <summary>It begins, or takes the place of an earlier one of the same prefix.</summary>
    Began,

    /// <summary>Its time is over.</summary>
    Ended,

    /// <summary>It was lifted before its time.</summary>
    Lifted,

    /// <summary>The same at another shield, which has told.</summary>
    LiftedElsewhere,
}
