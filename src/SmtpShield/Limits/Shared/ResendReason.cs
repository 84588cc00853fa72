namespace SmtpShield.Limits.Shared;

/// <summary>Why a shield reports everything.</summary>
internal enum ResendReason
{
    /// <summary>It does not.</summary>
    None,

    /// <summary>It has come.</summary>
    Joined,

    /// <summary>It was taken for dead.</summary>
    Dead,

    /// <summary>The store has lost what it knew, or its clock has stepped.</summary>
    Lost,
}
