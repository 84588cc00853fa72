using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;

namespace SmtpShield.Admission;

/// <summary>
/// Decides who may have a handshake, before the key is used: not who is above <c>smtpd_client_new_tls_session_rate_limit</c>, nor who has left handshakes
/// unfinished, nor, where the handshake comes first, who is over a limit on connections and has been told so inside TLS often enough.
/// </summary>
internal sealed class AdmitHandshake(
    ConnectionLimits limits, NewTlsSessions newSessions, HandshakesInVain inVain, ShieldService service, ILogger<AdmitHandshake> log)
{
    /// <summary>
    /// Counts a connection that begins with a handshake, and judges it. Leaves its counter, and the refusal that <see cref="AdmitClient"/> is to tell inside
    /// TLS.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="client">Who the client is.</param>
    /// <param name="counter">Counts the client's events, disposed by the caller; null when it is exempt, or a proxy that checks whether the shield
    /// lives.</param>
    /// <returns>False: it can only be closed, and the log says why.</returns>
    public bool MayConnect(ConnectionContext connection, ClientIdentity client, out ClientCounter? counter)
    {
        counter = connection.Features.Get<ProxyConnection>() is { IsLocal: true } ? null : limits.CounterOf(client);
        if (counter is null)
            return true;
        if (!newSessions.MayBegin(client, counter))
            return false;

        connection.Features.Set(counter);
        if (limits.Count(connection, counter, client) is not { } refusal)
            return true;
        if (inVain.TryTell(client.Range))
        {
            connection.Features.Set(refusal);
            return true;
        }

        Log(refusal, client);
        return false;
    }

    /// <summary>A connection ends without TLS: if it was to be told of a refusal, the log still does.</summary>
    public void NoteUntold(ConnectionContext connection, ClientIdentity client)
    {
        if (connection.Features.Get<ConnectionRefusal>() is { } refusal)
            Log(refusal, client);
    }

    /// <summary>Whether a client may begin a handshake, for all it has done with earlier ones; logs it if not.</summary>
    public bool MayBegin(ClientIdentity client, ClientCounter? counter)
    {
        if (counter is null || inVain.TooManyLeft(client.Range) is not (> 0 and var left))
            return true;

        AdmissionLog.LimitExceeded(log, "Unfinished TLS handshake", left, client.NameAddress, service.Name);
        return false;
    }

    private void Log(ConnectionRefusal refusal, ClientIdentity client) =>
        AdmissionLog.LimitExceeded(log, refusal.Subject, refusal.Count, client.NameAddress, service.Name);
}
