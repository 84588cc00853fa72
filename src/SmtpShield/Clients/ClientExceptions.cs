using SmtpShield.Options;

namespace SmtpShield.Clients;

/// <summary>
/// Which clients are neither counted nor limited: Postfix <c>smtpd_client_event_limit_exceptions</c>, <c>$mynetworks</c> by default. That list trusts the
/// addresses of this host; a PROXY header that has one, or the proxy's, most often says that the proxy does not know its client, so for these
/// <c>shield_proxy_event_limit_exceptions</c> takes its place. An operator's
/// <see cref="Exemptions"/> count for both.
/// </summary>
internal static class ClientExceptions
{
    /// <summary>Whether the client is exempt, by the options its connection began with.</summary>
    public static bool Contain(ShieldOptions options, ClientIdentity client) =>
        client.IsExempted
        || (client.IsProxy ? options.Proxy.EventLimitExceptions : options.Limits.ClientEventLimitExceptions).Matches(client.Address, client.Name);
}
