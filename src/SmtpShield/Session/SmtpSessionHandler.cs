using Microsoft.Extensions.Logging;
using SmtpShield.Admission;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Mta;
using SmtpShield.Mta.Learned;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// The end of the path: holds the session of an admitted client. Dials the MTA and relays until one side ends or the client begins TLS. Behind STARTTLS
/// everything begins anew, with a new session at the MTA (RFC 3207 section 4.2). The client's connection is closed by the stages around it, the MTA's here.
/// </summary>
internal sealed class SmtpSessionHandler(
    UpstreamPool upstreams,
    ClientHandshake handshake,
    ConnectionDrain drain,
    OpenSessions sessions,
    RemovedEhloKeywords removedKeywords,
    LenientMtas lenientMtas,
    LearnedMtas learned,
    MtaPressure pressure,
    LateDialing lateDialing,
    TimeProvider time,
    ILogger<SmtpSessionHandler> log) : IConnectionHandler<ClientConnection>
{
    /// <inheritdoc />
    public async Task OnConnectedAsync(ClientConnection connection)
    {
        using var context = new SessionContext(connection, () => handshake.TryEnter(connection), lateDialing.IsFor(connection));
        using var open = sessions.Add(connection);
        try
        {
            var end = await RelayAsync(context, open).ConfigureAwait(false);
            if (end.Reason != SessionEndReason.StartTls)
                connection.EndWith(end);
            else
                await GoOnInTlsAsync(context, open).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (drain.Deadline.IsCancellationRequested)
        {
            // Shutdown was not willing to wait for the client's handshake.
            connection.EndWith(new(SessionEndReason.Shutdown, Dialogue.AfterStartTls));
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A bug: this session ends, the others go on.
            SessionLog.Failed(log, connection.Client.NameAddress, exception);
            connection.EndWith(new(SessionEndReason.Failed));
        }
        finally
        {
            connection.Counter?.NoteSessionEnd(context.Errors.Most);
        }
    }

    private async ValueTask GoOnInTlsAsync(SessionContext context, OpenSession open)
    {
        var connection = context.Connection;
        var slot = context.TakeHandshake();
        var transport = await handshake.RunAsync(slot, connection, Dialogue.AfterStartTls, drain.Deadline).ConfigureAwait(false);
        connection.Statistics.Count(Verb.StartTls, succeeded: transport is not null);
        if (transport is null)
            return;

        try
        {
            await using (transport.ConfigureAwait(false))
                connection.EndWith(await RelayAsync(context, open).ConfigureAwait(false));
        }
        finally
        {
            connection.LeaveTls();
        }
    }

    private async ValueTask<SessionEnd> RelayAsync(SessionContext context, OpenSession open)
    {
        var connection = context.Connection;
        var client = new UpstreamClient(connection.Client, connection.LocalEndPoint, connection.Tls)
        {
            IsCheck = connection.IsCheck,
            Socket = connection.Socket,
        };
        var dialer = new MtaDialer(upstreams, pressure, connection.Options, client);
        var memory = new MtaMemory(learned, connection.Options.Service, connection.Options.AtStart, isInTls: connection.Tls is not null,
            () => upstreams.AvailableDestinationsOf(connection.Options.Service));
        var loop = new SessionLoop(context, dialer, memory, drain, open, removedKeywords, lenientMtas, time, connection.Through(log));
        await using (loop.ConfigureAwait(false))
            return await loop.RunAsync().ConfigureAwait(false);
    }
}
