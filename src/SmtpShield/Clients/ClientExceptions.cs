using SmtpShield.Configuration;

namespace SmtpShield.Clients;

/// <summary>Which clients are neither counted nor limited: Postfix <c>smtpd_client_event_limit_exceptions</c>, <c>$mynetworks</c> by default.</summary>
internal sealed class ClientExceptions(ShieldService service)
{
    /// <summary>Whether the client is exempt, by the newest configuration.</summary>
    public bool Contains(ClientIdentity client) => service.Current.Limits.ClientEventLimitExceptions.Matches(client.Address, client.Name);
}
