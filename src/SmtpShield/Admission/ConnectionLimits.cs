using Microsoft.AspNetCore.Connections;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Listening;

namespace SmtpShield.Admission;

/// <summary>Counts connections and judges them by all limits there are on them. What follows is its caller's part.</summary>
internal sealed class ConnectionLimits(AnvilTable anvil, ClientExceptions exceptions, ShieldService service, ProcessLimit processLimit)
{
    /// <summary>The counter of a client, which has counted nothing yet; null when it is exempt.</summary>
    public ClientCounter? CounterOf(ClientIdentity client) => exceptions.Contains(client) ? null : new(anvil, new(service.Name, client.Range));

    /// <summary>
    /// Counts the connection, if any limit is set, and judges it. Refused ones count too: they keep a client over its limit. A proxy's check of the shield is neither counted nor refused; a MAIL in it is
    /// an event like any other.
    /// </summary>
    /// <returns>Null: it may come in.</returns>
    public ConnectionRefusal? Count(ConnectionContext connection, ClientCounter counter, ClientIdentity client)
    {
        var options = service.Current.When(processLimit.IsUnderStress);
        if (connection.Features.Get<ProxyConnection>() is { IsLocal: true } || !ClientLimits.IsAnySet(options.Limits))
            return null;

        return ClientLimits.JudgeAtConnect(counter.Connect(), options.Limits) is { } hit
            ? new(hit.Limit.Subject, hit.Count, hit.ReplyTo(options.Smtpd.MyHostname, client))
            : null;
    }
}
