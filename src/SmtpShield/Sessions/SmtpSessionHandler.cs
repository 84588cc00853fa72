using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Admission;
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
    PregreetCheck pregreet,
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
        HandshakeSlot? slot = null;
        var session = new SessionContext(client, connection.Features.Get<ClientCounter>(), service, processLimit.IsUnderStress);
        session.Tls = ModeOf(session.Options.Tls, connection.Features.Get<TlsFacts>());
        session.TryReserveHandshake = () => (slot = handshake.TryEnter(client, session.Counter, session.Options.Tls)) is not null;
        try
        {
            if (await RelayAsync(connection, session, connection.Transport).ConfigureAwait(false) == RelayResult.StartTls)
                await GoOnInTlsAsync(connection, session, slot!).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (drain.Deadline.IsCancellationRequested)
        {
            // Shutdown was not willing to wait for the MTA's greeting, or the client's handshake.
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A bug: this session ends, the others go on.
            SessionLog.Failed(log, client.NameAddress, exception);
        }
        finally
        {
            slot?.Dispose();
            record.Statistics = CommandStatistics.Describe(session.Statistics);
            if (session.LogBudget.Suppressed > 0)
                SessionLog.Suppressed(log, session.LogBudget.Suppressed, client.NameAddress);
        }
    }

    private static TlsMode ModeOf(TlsOptions options, TlsFacts? wrapped) =>
        wrapped is not null ? TlsMode.Active
        : options.IsPassedOn ? TlsMode.Passthrough
        : options.IsTerminated ? TlsMode.Offered
        : TlsMode.None;

    private async ValueTask GoOnInTlsAsync(ConnectionContext connection, SessionContext session, HandshakeSlot slot)
    {
        var transport = await handshake.RunAsync(slot, connection.Transport, session.Client, session.Counter, session.Options.Tls, connection.Features.Get<ProxyConnection>() is { IsLocal: true }, RelayState.AfterStartTls, drain.Deadline).ConfigureAwait(false);
        session.Statistics.Count(Verb.StartTls, succeeded: transport is not null);
        if (transport is null)
            return;

        await using (transport.ConfigureAwait(false))
        {
            session.Tls = TlsMode.Active;
            connection.Features.Set(transport.Facts);
            await RelayAsync(connection, session, transport).ConfigureAwait(false);
        }
    }

    private async ValueTask<RelayResult> RelayAsync(ConnectionContext connection, SessionContext session, IDuplexPipe transport)
    {
        if (await DialAsync(connection, session, transport).ConfigureAwait(false) is not { } upstream)
            return RelayResult.UpstreamLost;

        await using (upstream.ConfigureAwait(false))
        {
            if (session.Start == 0 && await HasTalkedAsync(connection, session).ConfigureAwait(false))
                return RelayResult.ClientRefused;

            using var relay = new SessionRelay(session, transport, upstream, drain, sessions, removedKeywords, lenientMtas, time, log);
            var result = await relay.RunAsync().ConfigureAwait(false);
            if (result == RelayResult.StartTls)
                await upstream.QuitAsync().ConfigureAwait(false);
            else
                LogEnd(result, relay.After, session.Client, upstream, connection.Features.Get<ProxyConnection>() is { IsLocal: true });
            return result;
        }
    }

    // Once more, because the MTA's greeting may have taken long.
    private async ValueTask<bool> HasTalkedAsync(ConnectionContext connection, SessionContext session)
    {
        session.HasPipelinedImproperly = await pregreet.HasTalkedAsync(connection).ConfigureAwait(false);
        if (!session.HasPipelinedImproperly || !session.Options.Smtpd.ForbidUnauthPipelining)
            return false;

        await PregreetCheck.RefuseAsync(connection).ConfigureAwait(false);
        return true;
    }

    // Null: no MTA could be reached, and the client knows.
    private async ValueTask<UpstreamConnection?> DialAsync(ConnectionContext connection, SessionContext session, IDuplexPipe transport)
    {
        var myHostname = service.Current.Smtpd.MyHostname;
        UpstreamDialResult dial;
        try
        {
            dial = await upstreams.DialAsync(service, new(session.Client, connection.LocalEndPoint as IPEndPoint, connection.Features.Get<TlsFacts>()), drain.Deadline).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (drain.Deadline.IsCancellationRequested)
        {
            await transport.SayAsync(Replies.ServiceNotAvailable(myHostname)).ConfigureAwait(false);
            throw;
        }

        if (dial.Failures.Count > 0)
            SessionLog.DialFailed(log, string.Join("; ", dial.Failures), session.Client.NameAddress);
        if (dial.Connection is null)
            await transport.SayAsync(dial.GreetingTimedOut ? Replies.UpstreamBusy(myHostname) : Replies.UpstreamUnavailable(myHostname)).ConfigureAwait(false);
        return dial.Connection;
    }

    private void LogEnd(RelayResult result, string after, ClientIdentity client, UpstreamConnection upstream, bool isLocal)
    {
        switch (result)
        {
            // Proxies that check whether the shield lives do little else.
            case RelayResult.ClientLost when isLocal:
                SessionLog.CheckLost(log, after, client.NameAddress);
                break;

            // Postfix keeps silent about clients that leave without QUIT behind a message.
            case RelayResult.ClientLost when after != RelayState.AfterMessage:
                SessionLog.ConnectionLost(log, after, client.NameAddress);
                break;
            case RelayResult.ClientTimeout or RelayResult.ClientStalled:
                SessionLog.TimedOut(log, after, client.NameAddress);
                break;
            case RelayResult.TooManyErrors:
                SessionLog.TooManyErrors(log, after, client.NameAddress);
                break;
            case RelayResult.ClientRefused:
                SessionLog.Refused(log, after, client.NameAddress);
                break;
            case RelayResult.Shed:
                SessionLog.Shed(log, after, client.NameAddress);
                break;
            case RelayResult.UpstreamLost:
                SessionLog.UpstreamLost(log, upstream.Destination, after, client.NameAddress);
                break;
            case RelayResult.UpstreamTimeout:
                SessionLog.UpstreamTimedOut(log, upstream.Destination, after, client.NameAddress);
                break;
            case RelayResult.UpstreamMalformed:
                SessionLog.UpstreamMalformed(log, upstream.Destination, after, client.NameAddress);
                break;
        }
    }
}
