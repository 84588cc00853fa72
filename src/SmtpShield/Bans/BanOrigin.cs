namespace SmtpShield.Bans;

/// <summary>Who made a ban.</summary>
internal enum BanOrigin : byte
{
    /// <summary>The shield, for what the client did.</summary>
    Auto,

    /// <summary>An operator.</summary>
    Manual,
}
