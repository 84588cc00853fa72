using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Tls;

namespace SmtpShield.Sessions;

/// <summary>A client's handshake, who may have one, and what follows from it: it is counted unless it resumed an earlier session, and one too many is told so inside TLS (smtpd.c, <c>smtpd_start_tls</c>).</summary>
internal sealed class ClientHandshake(TlsServer tls, AdmitHandshake admission, NewTlsSessions newSessions, HandshakesInVain inVain, ILogger<ClientHandshake> log)
{
    /// <summary>Takes the right to begin a handshake. Only when the client can begin it: from here on the place is not another's.</summary>
    /// <param name="client">Who the client is.</param>
    /// <param name="counter">Counts the client's events; null when it is exempt.</param>
    /// <param name="options">The session's.</param>
    /// <returns>Null when too many are under way, of all or of the client's, or it has left too many.</returns>
    public HandshakeSlot? TryEnter(ClientIdentity client, ClientCounter? counter, TlsOptions options) =>
        admission.MayBegin(client, counter) ? tls.TryEnter(client.Range, counter is null ? null : newSessions.MostUnderWay(counter), options) : null;

    /// <summary>Runs the handshake.</summary>
    /// <param name="slot">From <see cref="TryEnter"/>; disposed here.</param>
    /// <param name="raw">The connection.</param>
    /// <param name="client">Who the client is.</param>
    /// <param name="counter">Counts the client's events; null when it is exempt.</param>
    /// <param name="options">The session's.</param>
    /// <param name="isCheck">Whether a proxy checks if the shield lives.</param>
    /// <param name="after">Behind what the connection was lost, if it is.</param>
    /// <param name="cancellationToken">Ends the wait for the client.</param>
    /// <returns>What to go on with; null when the session is over, and the log says why.</returns>
    public async ValueTask<TlsTransport?> RunAsync(
        HandshakeSlot slot, IDuplexPipe raw, ClientIdentity client, ClientCounter? counter, TlsOptions options, bool isCheck, string after, CancellationToken cancellationToken)
    {
        var handshake = await tls.AcceptAsync(raw, client, options, slot, isCheck, cancellationToken).ConfigureAwait(false);
        if (counter is not null)
            Note(handshake, client.Range);
        var refusal = handshake.IsResumed ? null : newSessions.Count(client, counter);
        if (handshake.Transport is not { } transport)
        {
            if (isCheck)
                SessionLog.CheckLost(log, after, client.NameAddress);
            else if (refusal is null)
                SessionLog.ConnectionLost(log, after, client.NameAddress);
            return null;
        }

        if (refusal is null)
            return transport;

        await using (transport.ConfigureAwait(false))
        {
            await transport.SayAsync(refusal, cancellationToken).ConfigureAwait(false);
        }

        return null;
    }

    private void Note(in TlsHandshake handshake, ClientRange client)
    {
        if (handshake.IsLeft)
            inVain.NoteLeft(client);
        else if (handshake.Transport is not null)
            inVain.NoteFinished(client);
    }
}
