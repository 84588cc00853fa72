namespace SmtpShield.Control.Banning;

/// <summary>Which bans are asked for. In the API these are lower case.</summary>
internal enum BanState
{
    /// <summary>Those in force.</summary>
    Active,

    /// <summary>Those that are over and remembered.</summary>
    Ended,

    /// <summary>Both.</summary>
    All,
}
