namespace SmtpShield.Options;

/// <summary>Whether the shield speaks TLS with the MTA: <c>shield_upstream_tls_security_level</c>.</summary>
public enum UpstreamTlsSecurityLevel
{
    /// <summary>Never.</summary>
    None,

    /// <summary>When the MTA offers STARTTLS. A handshake that fails is a failed connection, not a reason to go on in clear.</summary>
    May,

    /// <summary>Always; the MTA's certificate is not looked at.</summary>
    Encrypt,

    /// <summary>Always, with a certificate that a known authority has signed for the MTA's name.</summary>
    Verify,
}
