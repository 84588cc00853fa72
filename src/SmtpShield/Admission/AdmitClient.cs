using Microsoft.Extensions.Logging;
using SmtpShield.Listening;
using SmtpShield.Observe;

namespace SmtpShield.Admission;

/// <summary>
/// Lets a connection in, or refuses it with 421 in place of the greeting, before the MTA hears of it. Counts it either way: refused attempts keep a client over
/// its limit. In wrapper mode the connection was counted and judged before the handshake, by <see cref="AdmitHandshake"/>; here it is told.
/// </summary>
internal sealed class AdmitClient(ILogger<AdmitClient> log) : IConnectionStage<ClientConnection>
{
    /// <inheritdoc />
    public async Task InvokeAsync(ClientConnection connection, Func<ClientConnection, Task> next)
    {
        if (await connection.JudgeOnceAsync(ConnectionLimits.CountAsync).ConfigureAwait(false) is not { } refusal)
        {
            await next(connection).ConfigureAwait(false);
            return;
        }

        connection.Metrics.NoteLimitHit(refusal.Rule);
        AdmissionLog.LimitExceeded(connection.Through(log), refusal.Subject, refusal.Count, connection.Client.NameAddress, connection.Options.Service);
        await connection.RefuseAsync(SessionEndReason.ConnectionLimit, refusal.Reply).ConfigureAwait(false);
    }
}
