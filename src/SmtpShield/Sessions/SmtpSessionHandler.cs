using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Listening;
using SmtpShield.Protocol;
using SmtpShield.Relay;
using SmtpShield.Tls;
using SmtpShield.Upstream;

namespace SmtpShield.Sessions;

/// <summary>
/// The end of the pipeline: holds the session of an admitted client. Dials the MTA, relays until one side ends or the client begins TLS, and logs how. Behind STARTTLS everything
/// begins anew, with a new session at the MTA (RFC 3207 section 4.2). The client's connection is closed by the stages around it, the MTA's here.
/// </summary>
internal sealed class SmtpSessionHandler(
    UpstreamPool upstreams,
    ShieldService service,
    ProcessLimit processLimit,
    ClientHandshake handshake,
    ConnectionDrain drain,
    OpenSessions sessions,
    RemovedEhloKeywords removedKeywords,
    LenientMtas lenientMtas,
    TimeProvider time,
    ILogger<SmtpSessionHandler> log) : ConnectionHandler
{
    /// <inheritdoc />
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        var client = connection.Features.Get<ClientIdentity>() ?? throw new InvalidOperationException($"{nameof(SmtpSessionHandler)} runs behind {nameof(IdentifyClient)}.");
        var record = connection.Features.Get<SessionRecord>() ?? throw new InvalidOperationException($"{nameof(SmtpSessionHandler)} runs behind {nameof(RecordSession)}.");
        var counter = connection.Features.Get<ClientCounter>();
        var options = service.Current.When(processLimit.IsUnderStress).Tls;
        HandshakeSlot? slot = null;
        var context = new SessionContext(
            client, counter, service, processLimit.IsUnderStress, ModeOf(options, connection.Features.Get<TlsFacts>()), () => (slot = handshake.TryEnter(client, counter, options)) is not null);
        try
        {
            if (await RelayAsync(connection, context, connection.Transport).ConfigureAwait(false) == SessionEndReason.StartTls)
                await GoOnInTlsAsync(connection, context, slot!).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (drain.Deadline.IsCancellationRequested)
        {
            // Shutdown was not willing to wait for the client's handshake.
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A bug: this session ends, the others go on.
            SessionLog.Failed(log, client.NameAddress, exception);
        }
        finally
        {
            slot?.Dispose();
            record.Statistics = CommandStatistics.Describe(context.Statistics);
            if (context.LogBudget.Suppressed > 0)
                SessionLog.Suppressed(log, context.LogBudget.Suppressed, client.NameAddress);
        }
    }

    private static TlsMode ModeOf(TlsOptions options, TlsFacts? wrapped) =>
        wrapped is not null ? TlsMode.Active
        : options.IsPassedOn ? TlsMode.Passthrough
        : options.IsTerminated ? TlsMode.Offered
        : TlsMode.None;

    private async ValueTask GoOnInTlsAsync(ConnectionContext connection, SessionContext context, HandshakeSlot slot)
    {
        var transport = await handshake.RunAsync(
            slot, connection.Transport, context.Client, context.Counter, context.Options.Tls, connection.Features.Get<ProxyConnection>() is { IsLocal: true }, Dialogue.AfterStartTls, drain.Deadline).ConfigureAwait(false);
        context.Statistics.Count(Verb.StartTls, succeeded: transport is not null);
        if (transport is null)
            return;

        await using (transport.ConfigureAwait(false))
        {
            context.NoteTls();
            connection.Features.Set(transport.Facts);
            await RelayAsync(connection, context, transport).ConfigureAwait(false);
        }
    }

    private async ValueTask<SessionEndReason> RelayAsync(ConnectionContext connection, SessionContext context, IDuplexPipe transport)
    {
        var dialer = new MtaDialer(upstreams, service.Name, context.Options, new(context.Client, connection.LocalEndPoint as IPEndPoint, connection.Features.Get<TlsFacts>()));
        var loop = new SessionLoop(context, transport, dialer, drain, sessions, removedKeywords, lenientMtas, time, log);
        await using (loop.ConfigureAwait(false))
        {
            var reason = await loop.RunAsync().ConfigureAwait(false);
            if (reason == SessionEndReason.StartTls)
                await loop.QuitAsync().ConfigureAwait(false);
            else
                LogEnd(reason, loop.After, context.Client, loop.Destination, connection.Features.Get<ProxyConnection>() is { IsLocal: true });
            return reason;
        }
    }

    private void LogEnd(SessionEndReason result, string after, ClientIdentity client, string destination, bool isLocal)
    {
        switch (result)
        {
            // Proxies that check whether the shield lives do little else.
            case SessionEndReason.ClientLost when isLocal:
                SessionLog.CheckLost(log, after, client.NameAddress);
                break;

            // Postfix keeps silent about clients that leave without QUIT behind a message.
            case SessionEndReason.ClientLost when after != Dialogue.AfterMessage:
                SessionLog.ConnectionLost(log, after, client.NameAddress);
                break;
            case SessionEndReason.ClientTimeout or SessionEndReason.ClientStalled:
                SessionLog.TimedOut(log, after, client.NameAddress);
                break;
            case SessionEndReason.TooManyErrors:
                SessionLog.TooManyErrors(log, after, client.NameAddress);
                break;
            case SessionEndReason.ClientRefused:
                SessionLog.Refused(log, after, client.NameAddress);
                break;
            case SessionEndReason.Shed:
                SessionLog.Shed(log, after, client.NameAddress);
                break;
            case SessionEndReason.UpstreamLost:
                SessionLog.UpstreamLost(log, destination, after, client.NameAddress);
                break;
            case SessionEndReason.UpstreamTimeout:
                SessionLog.UpstreamTimedOut(log, destination, after, client.NameAddress);
                break;
            case SessionEndReason.UpstreamMalformed:
                SessionLog.UpstreamMalformed(log, destination, after, client.NameAddress);
                break;
        }
    }
}
