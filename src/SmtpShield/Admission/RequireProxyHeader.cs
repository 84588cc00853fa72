using Microsoft.AspNetCore.Connections;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Listening;
using SmtpShield.Protocol;

namespace SmtpShield.Admission;

/// <summary>
/// Refuses a connection whose PROXY header was missing or wrong, as Postfix does: behind its <c>connect from</c> line, before it is counted. On services
/// without such headers it lets everybody pass.
/// </summary>
internal sealed class RequireProxyHeader(ShieldService service) : IConnectionStage
{
    /// <inheritdoc />
    public async Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.Features.Get<ProxyConnection>() is not { HasFailed: true })
        {
            await next(connection).ConfigureAwait(false);
            return;
        }

        await connection.Transport.SayAsync(Replies.ServerLocalError(service.Current.Smtpd.MyHostname)).ConfigureAwait(false);
    }
}
