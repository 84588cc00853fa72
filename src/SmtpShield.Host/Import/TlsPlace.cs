namespace SmtpShield.Host.Import;

/// <summary>Where a service's TLS ends.</summary>
internal enum TlsPlace
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>In the shield, with Postfix's certificate.</summary>
    Shield,

    /// <summary>In Postfix: STARTTLS is passed through.</summary>
    Postfix,
}
