namespace SmtpShield.Options;

/// <summary>What a proxy in front of the shield puts before the client's bytes: <c>smtpd_upstream_proxy_protocol</c>.</summary>
public enum UpstreamProxyProtocol
{
    /// <summary>Nothing; clients connect themselves.</summary>
    None,

    /// <summary>A PROXY header, version 1 or 2, always.</summary>
    Haproxy,
}
