using SmtpShield.Configuration;

namespace SmtpShield.Clients;

/// <summary>
/// Which clients are neither counted nor limited: Postfix <c>smtpd_client_event_limit_exceptions</c>, <c>$mynetworks</c> by default. That list trusts the
/// addresses of this host; a PROXY header that has one, or the proxy's, most often says that the proxy does not know its client, so for these
/// <c>shield_proxy_event_limit_exceptions</c> takes its place.
/// </summary>
internal sealed class ClientExceptions(ShieldService service)
{
    /// <summary>Whether the client is exempt, by the newest configuration.</summary>
    public bool Contains(ClientIdentity client)
    {
        var options = service.Current;
        return (client.IsProxy ? options.Proxy.EventLimitExceptions : options.Limits.ClientEventLimitExceptions).Matches(client.Address, client.Name);
    }
}
