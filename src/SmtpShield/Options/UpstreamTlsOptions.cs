namespace SmtpShield.Options;

/// <summary>TLS with the MTA.</summary>
public sealed record UpstreamTlsOptions
{
    /// <summary>Whether the shield speaks TLS with the MTA.</summary>
    /// <value><c>none</c> (default), <c>may</c>, <c>encrypt</c> or <c>verify</c>.</value>
    [ConfigurationKeyName("shield_upstream_tls_security_level")]
    public UpstreamTlsSecurityLevel SecurityLevel { get; init; }

    /// <summary>Whether the MTA expects the handshake at once, as on port 465, instead of STARTTLS.</summary>
    /// <value>No by default.</value>
    [ConfigurationKeyName("shield_upstream_tls_wrappermode")]
    public bool WrapperMode { get; init; }

    /// <summary>The PEM file with the authorities that may have signed the MTA's certificate, for <c>verify</c>.</summary>
    /// <value>A file name; empty by default: the system's authorities.</value>
    [ConfigurationKeyName("shield_upstream_tls_CAfile")]
    public string CAFile { get; init; } = "";

    /// <summary>The name that must be in the MTA's certificate, for <c>verify</c>. It is also what is asked for (RFC 6066 section 3).</summary>
    /// <value>A host name; empty by default: the host in <c>shield_upstream</c>.</value>
    [ConfigurationKeyName("shield_upstream_tls_name")]
    public string Name { get; init; } = "";
}
