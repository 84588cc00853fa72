using SmtpShield.Listening;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Admission;

/// <summary>
/// Refuses a connection whose PROXY header was missing or wrong, as Postfix does: behind its <c>connect from</c> line, before it is counted. On services
/// without such headers it lets everybody pass.
/// </summary>
internal sealed class RequireProxyHeader : IConnectionStage<ClientConnection>
{
    /// <inheritdoc />
    public async Task InvokeAsync(ClientConnection connection, Func<ClientConnection, Task> next)
    {
        if (!connection.LacksProxyHeader)
        {
            await next(connection).ConfigureAwait(false);
            return;
        }

        var reply = Replies.ServerLocalError(connection.Options.AtStart.Smtpd.MyHostname);
        await connection.RefuseAsync(SessionEndReason.NoProxyHeader, reply).ConfigureAwait(false);
    }
}
