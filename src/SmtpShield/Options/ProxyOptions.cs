using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Options;

/// <summary>A proxy in front of the shield that says who the client is.</summary>
public sealed record ProxyOptions
{
    /// <summary>Whether every connection of the service begins with a PROXY header.</summary>
    /// <value>Empty (default): no header is ever read; <c>haproxy</c>: version 1 or 2, required.</value>
    /// <remarks>Postfix <c>smtpd_upstream_proxy_protocol</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_upstream_proxy_protocol")]
    public UpstreamProxyProtocol Protocol { get; init; }

    /// <summary>How long the whole header may take.</summary>
    /// <value>At least 1 second; 5 seconds by default.</value>
    /// <remarks>Postfix <c>smtpd_upstream_proxy_timeout</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_upstream_proxy_timeout"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Who may send a PROXY header. A connection of anybody else is closed without a word.</summary>
    /// <value>Addresses and networks; required with <see cref="Protocol"/>.</value>
    [ConfigurationKeyName("shield_proxy_sources")]
    public AddressPatternList Sources { get; init; } = AddressPatternList.Empty;

    /// <summary>
    /// Which clients are not counted and not limited although a PROXY header gives them an address that may be the proxy's: loopback, the proxy's own, none.
    /// </summary>
    /// <value>Address patterns; none by default.</value>
    [ConfigurationKeyName("shield_proxy_event_limit_exceptions")]
    public AddressPatternList EventLimitExceptions { get; init; } = AddressPatternList.Empty;

    /// <summary>What happens to a version 1 header that says <c>UNKNOWN</c>.</summary>
    /// <value><c>accept</c> (default) or <c>refuse</c>, as Postfix does.</value>
    [ConfigurationKeyName("shield_proxy_unknown")]
    public ProxyUnknownPolicy Unknown { get; init; }
}
