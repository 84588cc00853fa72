using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Tls;

namespace SmtpShield.Sessions;

/// <summary>A client's handshake and what follows from it: it is counted unless it resumed an earlier session, and one too many is told so inside TLS (smtpd.c, <c>smtpd_start_tls</c>).</summary>
internal sealed class ClientHandshake(TlsServer tls, NewTlsSessions newSessions, ILogger<ClientHandshake> log)
{
    /// <summary>Takes the right to begin a handshake; null when there are too many under way.</summary>
    public HandshakeSlot? TryEnter(TlsOptions options) => tls.TryEnter(options);

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
            transport.Output.Write(refusal.Octets.Span);
            await transport.Output.FlushAsync(cancellationToken).ConfigureAwait(false);
        }

        return null;
    }
}
