namespace SmtpShield.Session;

/// <summary>What STARTTLS means in a session.</summary>
internal enum TlsMode : byte
{
    /// <summary>It is the MTA's: relayed, and the shield is blind behind it.</summary>
    Passthrough,

    /// <summary>It is not offered (<c>smtpd_tls_security_level = none</c>).</summary>
    None,

    /// <summary>The shield offers it, and the handshake is the shield's.</summary>
    Offered,

    /// <summary>The client already speaks TLS with the shield.</summary>
    Active,
}
