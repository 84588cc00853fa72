namespace SmtpShield.Options;

/// <summary>Whether clients get TLS: <c>smtpd_tls_security_level</c>.</summary>
public enum TlsSecurityLevel
{
    /// <summary>STARTTLS is neither offered nor passed on.</summary>
    None,

    /// <summary>STARTTLS is offered; clients need not use it.</summary>
    May,

    /// <summary>Clients must use TLS before they send mail.</summary>
    Encrypt,
}
