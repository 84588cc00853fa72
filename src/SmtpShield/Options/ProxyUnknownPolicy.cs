namespace SmtpShield.Options;

/// <summary>What happens to a <c>PROXY UNKNOWN</c> header: <c>shield_proxy_unknown</c>.</summary>
public enum ProxyUnknownPolicy
{
    /// <summary>The proxy itself counts as the client.</summary>
    Accept,

    /// <summary>The connection is refused, as Postfix does.</summary>
    Refuse,
}
