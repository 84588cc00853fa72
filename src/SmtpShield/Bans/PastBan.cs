namespace SmtpShield.Bans;

/// <summary>What is remembered of the bans of a prefix that are over.</summary>
/// <param name="Level">The level of the last one.</param>
/// <param name="Ended">When it ended.</param>
internal readonly record struct PastBan(int Level, DateTimeOffset Ended);
