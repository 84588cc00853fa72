using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Tls;

namespace SmtpShield.Session;

/// <summary>
/// A client's handshake, who may have one, and what follows from it: it is counted unless it resumed an earlier session, and one too many is told so inside TLS
/// (smtpd.c, <c>smtpd_start_tls</c>).
/// </summary>
internal sealed class ClientHandshake(TlsServer tls, AdmitHandshake admission, NewTlsSessions newSessions, HandshakesInVain inVain)
{
    /// <summary>Takes the right to begin a handshake. Only when the client can begin it: from here on the place is not another's.</summary>
    /// <returns>Null when too many are under way, of all or of the client's, or it has left too many.</returns>
    public HandshakeSlot? TryEnter(ClientConnection connection)
    {
        var slot = admission.MayBegin(connection)
            ? tls.TryEnter(connection.Client.Range, () => NewTlsSessions.MostUnderWay(connection), connection.Options.AtStart.Tls)
            : null;
        if (slot is null)
            connection.Metrics.NoteHandshake(HandshakeOutcome.Refused);
        return slot;
    }

    /// <summary>Runs the handshake. The connection is inside TLS behind it, or over.</summary>
    /// <param name="slot">From <see cref="TryEnter"/>; disposed here.</param>
    /// <param name="connection">The connection, in clear.</param>
    /// <param name="after">Behind what it was lost, if it is.</param>
    /// <param name="cancellationToken">Ends the wait for the client.</param>
    /// <returns>What to give back when the session is over; null when it is.</returns>
    public async ValueTask<TlsTransport?> RunAsync(HandshakeSlot slot, ClientConnection connection, string after, CancellationToken cancellationToken)
    {
        var options = connection.Options.AtStart.Tls;
        CountedHandshake? counted = null;
        var handshake = await tls.AcceptAsync(connection.Transport, connection.Client, options, slot, handshake => counted = Note(handshake, connection),
            connection.Through, connection.IsCheck, cancellationToken).ConfigureAwait(false);
        var refusal = await newSessions.JudgeAsync(counted, connection).ConfigureAwait(false);
        if (handshake.Transport is not { } transport)
        {
            connection.EndWith(new(refusal is null ? SessionEndReason.ClientLost : SessionEndReason.HandshakeLimit, after));
            return null;
        }

        connection.EnterTls(transport, transport.Facts);
        if (refusal is null)
            return transport;

        await using (transport.ConfigureAwait(false))
        {
            connection.EndWith(new(SessionEndReason.HandshakeLimit, after));
            await transport.SayAsync(refusal, cancellationToken).ConfigureAwait(false);
        }

        connection.LeaveTls();
        return null;
    }

    private CountedHandshake? Note(in TlsHandshake handshake, ClientConnection connection)
    {
        connection.Metrics.NoteHandshake(
            handshake.Transport is null ? HandshakeOutcome.Failed : handshake.IsResumed ? HandshakeOutcome.Resumed : HandshakeOutcome.New);
        if (connection.HandshakeCounter is not null)
            Note(handshake, connection.Client.Range);
        return handshake.IsResumed ? null : NewTlsSessions.Count(connection);
    }

    private void Note(in TlsHandshake handshake, ClientRange client)
    {
        if (handshake.IsLeft)
            inVain.NoteLeft(client);
        else if (handshake.Transport is not null)
            inVain.NoteFinished(client);
    }
}
