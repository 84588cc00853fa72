using SmtpShield.PostfixConf.Lists;

namespace SmtpShield.Options;

/// <summary>TLS with clients.</summary>
public sealed record TlsOptions
{
    /// <summary>Whether clients get TLS. With a certificate the shield does it itself, without one it passes STARTTLS on to the MTA.</summary>
    /// <value><c>may</c> by default; <c>none</c> (or empty, as in Postfix) or <c>encrypt</c>.</value>
    /// <remarks>Postfix <c>smtpd_tls_security_level</c>, postconf(5), where the default is empty.</remarks>
    [ConfigurationKeyName("smtpd_tls_security_level")]
    public TlsSecurityLevel SecurityLevel { get; init; } = TlsSecurityLevel.May;

    /// <summary>PEM files with a private key and, behind it, its certificate and intermediate certificates.</summary>
    /// <value>File names; empty by default. The first chain is used. Takes precedence over <see cref="CertificateFile"/>.</value>
    /// <remarks>Postfix <c>smtpd_tls_chain_files</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_tls_chain_files")]
    public IReadOnlyList<string> ChainFiles { get; init; } = [];

    /// <summary>The PEM file with the certificate and, behind it, intermediate certificates.</summary>
    /// <value>A file name; empty by default.</value>
    /// <remarks>Postfix <c>smtpd_tls_cert_file</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_tls_cert_file")]
    public string CertificateFile { get; init; } = "";

    /// <summary>The PEM file with the private key, not encrypted.</summary>
    /// <value>A file name; <c>$smtpd_tls_cert_file</c> by default.</value>
    /// <remarks>Postfix <c>smtpd_tls_key_file</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_tls_key_file")]
    public string KeyFile { get; init; } = "";

    /// <summary>Certificates for the names clients ask for (RFC 6066 section 3).</summary>
    /// <value>Tables: <c>hash:</c>, <c>texthash:</c>, <c>lmdb:</c> and the like (their text is read), <c>inline:</c>; empty by default.</value>
    /// <remarks>Postfix <c>tls_server_sni_maps</c>, postconf(5).</remarks>
    [ConfigurationKeyName("tls_server_sni_maps")]
    public IReadOnlyList<string> SniMaps { get; init; } = [];

    /// <summary>Whether clients begin with the handshake, as on port 465 (RFC 8314), instead of STARTTLS. Needs a certificate.</summary>
    /// <value>No by default.</value>
    /// <remarks>Postfix <c>smtpd_tls_wrappermode</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_tls_wrappermode")]
    public bool WrapperMode { get; init; }

    /// <summary>Whether AUTH is offered and taken over TLS only.</summary>
    /// <value>No by default.</value>
    /// <remarks>Postfix <c>smtpd_tls_auth_only</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_tls_auth_only")]
    public bool AuthOnly { get; init; }

    /// <summary>The versions spoken with <c>smtpd_tls_security_level = may</c>.</summary>
    /// <value>Postfix's notations, <c>&gt;=TLSv1.2</c> or <c>!SSLv3, !TLSv1</c>; <c>&gt;=TLSv1.2</c> by default. Older ones are never spoken.</value>
    /// <remarks>Postfix <c>smtpd_tls_protocols</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_tls_protocols")]
    public TlsVersions Protocols { get; init; } = TlsVersions.All;

    /// <summary>The versions spoken with <c>smtpd_tls_security_level = encrypt</c>.</summary>
    /// <value>As <see cref="Protocols"/>.</value>
    /// <remarks>Postfix <c>smtpd_tls_mandatory_protocols</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_tls_mandatory_protocols")]
    public TlsVersions MandatoryProtocols { get; init; } = TlsVersions.All;

    /// <summary>What is logged of TLS: 0 errors only, 1 a line for each handshake. Higher levels are as 1.</summary>
    /// <value>0 to 4; 0 by default.</value>
    /// <remarks>Postfix <c>smtpd_tls_loglevel</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_tls_loglevel"), Range(0, 4)]
    public int LogLevel { get; init; }

    /// <summary>How long a handshake may take; the shorter one of this and <see cref="HandshakeTimeout"/> counts.</summary>
    /// <value>At least 1 second; 300 seconds by default, 10 under stress.</value>
    /// <remarks>Postfix <c>smtpd_starttls_timeout</c>, postconf(5), where it is the time of one read or write.</remarks>
    [ConfigurationKeyName("smtpd_starttls_timeout"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan StartTlsTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>
    /// How long a whole handshake may take, whatever <see cref="StartTlsTimeout"/> is. Passed on to the MTA: how long the client may take to begin it.
    /// </summary>
    /// <value>At least 1 second; 10 seconds by default.</value>
    [ConfigurationKeyName("shield_tls_handshake_timeout"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Handshakes of the service under way at the same time.</summary>
    /// <value>At least 1; 1000 by default. Above it: reply 454 4.7.0 to STARTTLS, in wrapper mode the connection is closed.</value>
    [ConfigurationKeyName("shield_tls_handshake_limit"), Range(1, int.MaxValue)]
    public int HandshakeLimit { get; init; } = 1000;

    /// <summary>Octets a client may send behind a STARTTLS that was passed on: there the shield can count nothing else.</summary>
    /// <value>Octets; 0 (default) disables. Exceeding it: the connection is closed.</value>
    [ConfigurationKeyName("shield_tls_passthrough_size_limit"), Range(0, int.MaxValue)]
    public int PassthroughSizeLimit { get; init; }

    /// <summary>Whether there is a certificate, so that the shield itself speaks TLS.</summary>
    public bool HasCertificate => ChainFiles.Count > 0 || CertificateFile.Length > 0;

    /// <summary>Whether the shield ends the client's TLS; if it does not, STARTTLS is the MTA's.</summary>
    public bool IsTerminated => HasCertificate && SecurityLevel != TlsSecurityLevel.None;

    /// <summary>Whether STARTTLS is passed on to the MTA, so that the shield is blind behind it.</summary>
    public bool IsPassedOn => !HasCertificate && SecurityLevel != TlsSecurityLevel.None;
}
