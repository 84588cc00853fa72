using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Listening;

namespace SmtpShield.Admission;

/// <summary>
/// Lets a connection in, or refuses it with 421 in place of the greeting, before the MTA hears of it. Counts it either way: refused attempts keep a client over
/// its limit. Leaves a <see cref="ClientCounter"/> for the events to come, unless the client is exempt. A proxy that checks whether the shield lives is let in
/// uncounted. In wrapper mode the connection was counted and judged before the handshake, by <see cref="AdmitHandshake"/>; here it is told.
/// </summary>
internal sealed class AdmitClient(ConnectionLimits limits, ShieldService service, ILogger<AdmitClient> log) : IConnectionStage
{
    /// <inheritdoc />
    public async Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var client = connection.Features.Get<ClientIdentity>() ?? throw new InvalidOperationException($"{nameof(AdmitClient)} runs behind {nameof(IdentifyClient)}.");
        var isCounted = connection.Features.Get<ClientCounter>() is not null;
        using var counter = connection.Features.Get<ClientCounter>() ?? limits.CounterOf(client);
        if (counter is null)
        {
            await next(connection).ConfigureAwait(false);
            return;
        }

        connection.Features.Set(counter);
        if ((isCounted ? connection.Features.Get<ConnectionRefusal>() : limits.Count(connection, counter, client)) is { } refusal)
        {
            AdmissionLog.LimitExceeded(log, refusal.Subject, refusal.Count, client.NameAddress, service.Name);
            await connection.Transport.SayAsync(refusal.Reply).ConfigureAwait(false);
            return;
        }

        await next(connection).ConfigureAwait(false);
    }
}
