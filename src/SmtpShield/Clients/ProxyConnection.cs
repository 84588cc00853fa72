namespace SmtpShield.Clients;

/// <summary>What the proxy in front of the shield has said of a connection.</summary>
/// <param name="IsLocal">It is the proxy's own, as when it checks whether the shield lives: the connection is not counted and, but for a line at debug level,
/// not logged; what it does is.</param>
/// <param name="IsProxy">It may be a proxy's or this host's instead of a client's: the header names nobody, loopback or the proxy.</param>
/// <param name="HasFailed">Nothing that could be understood: whose connection it is, nobody knows.</param>
internal sealed record ProxyConnection(bool IsLocal = false, bool IsProxy = false, bool HasFailed = false)
{
    /// <summary>There is no proxy: the service has no <c>smtpd_upstream_proxy_protocol</c>.</summary>
    public static ProxyConnection None { get; } = new();
}
