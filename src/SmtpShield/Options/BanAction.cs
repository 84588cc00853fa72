namespace SmtpShield.Options;

/// <summary>What becomes of a connection of a banned client, <c>shield_ban_action</c>.</summary>
public enum BanAction
{
    /// <summary>It is told 421 and closed.</summary>
    Refuse,

    /// <summary>It is reset, without a word.</summary>
    Reset,
}
