using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Listening;
using SmtpShield.Protocol;
using SmtpShield.Relay;
using SmtpShield.Upstream;

namespace SmtpShield.Sessions;

/// <summary>
/// The end of the pipeline: holds the session of an admitted client. Dials the MTA, relays until one side ends, and logs how. The client's connection is closed by
/// the stages around it, the MTA's here.
/// </summary>
internal sealed class SmtpSessionHandler(
    UpstreamPool upstreams,
    ShieldService service,
    ProcessLimit processLimit,
    PregreetCheck pregreet,
    ConnectionDrain drain,
    RemovedEhloKeywords removedKeywords,
    TimeProvider time,
    ILogger<SmtpSessionHandler> log) : ConnectionHandler
{
    /// <inheritdoc />
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        var client = connection.Features.Get<ClientIdentity>() ?? throw new InvalidOperationException($"{nameof(SmtpSessionHandler)} runs behind {nameof(IdentifyClient)}.");
        var record = connection.Features.Get<SessionRecord>() ?? throw new InvalidOperationException($"{nameof(SmtpSessionHandler)} runs behind {nameof(RecordSession)}.");
        var isUnderStress = processLimit.IsUnderStress;
        try
        {
            if (await DialAsync(connection, client).ConfigureAwait(false) is not { } upstream)
                return;

            await using (upstream.ConfigureAwait(false))
            {
                // Once more, because the MTA's greeting may have taken long.
                var hasTalked = await pregreet.HasTalkedAsync(connection).ConfigureAwait(false);
                if (hasTalked && service.Current.Smtpd.ForbidUnauthPipelining)
                {
                    await PregreetCheck.RefuseAsync(connection).ConfigureAwait(false);
                    return;
                }

                var counter = connection.Features.Get<ClientCounter>();
                using var relay = new SessionRelay(client, counter, connection.Transport, upstream, service, isUnderStress, drain, removedKeywords, time, log) { HasPipelinedImproperly = hasTalked };
                try
                {
                    var result = await relay.RunAsync().ConfigureAwait(false);
                    LogEnd(result, relay.After, client, upstream, connection.Features.Get<ProxyConnection>() is { IsLocal: true });
                }
                finally
                {
                    record.Statistics = CommandStatistics.Describe(relay.Statistics);
                    if (relay.SuppressedLogLines > 0)
                        SessionLog.Suppressed(log, relay.SuppressedLogLines, client.NameAddress);
                }
            }
        }
        catch (OperationCanceledException) when (drain.Deadline.IsCancellationRequested)
        {
            // Shutdown was not willing to wait for the MTA's greeting.
            await SayAsync(connection, Replies.ShuttingDown(service.Current.Smtpd.MyHostname)).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A bug: this session ends, the others go on.
            SessionLog.Failed(log, client.NameAddress, exception);
        }
    }

    // Null: no MTA could be reached, and the client knows.
    private async ValueTask<UpstreamConnection?> DialAsync(ConnectionContext connection, ClientIdentity client)
    {
        var dial = await upstreams.DialAsync(drain.Deadline).ConfigureAwait(false);
        if (dial.Failures.Count > 0)
            SessionLog.DialFailed(log, string.Join("; ", dial.Failures), client.NameAddress);
        if (dial.Connection is null)
        {
            var myHostname = service.Current.Smtpd.MyHostname;
            await SayAsync(connection, dial.GreetingTimedOut ? Replies.UpstreamBusy(myHostname) : Replies.UpstreamUnavailable(myHostname)).ConfigureAwait(false);
        }

        return dial.Connection;
    }

    private static async ValueTask SayAsync(ConnectionContext connection, Reply reply)
    {
        connection.Transport.Output.Write(reply.Octets.Span);
        await connection.Transport.Output.FlushAsync().ConfigureAwait(false);
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
