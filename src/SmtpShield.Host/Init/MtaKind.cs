namespace SmtpShield.Host.Init;

/// <summary>What kind of MTA stands behind the shield: it decides how the MTA learns who the client is.</summary>
internal enum MtaKind
{
    /// <summary>Postfix 3.5 or later: a PROXY header.</summary>
    Postfix,

    /// <summary>Exchange: the client's own address.</summary>
    Exchange,

    /// <summary>Another one: nothing is told to it until somebody says how.</summary>
    Other,
}
