using SmtpShield.Admission;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Observe;

namespace SmtpShield.Session;

/// <summary>
/// In <c>smtpd_tls_wrappermode</c>, begins with the handshake. Unlike in Postfix (smtpd.c, <c>smtpd_proto</c>) the connection is counted before, because a
/// handshake costs more than all else; a client over a limit is still told inside, the first times.
/// </summary>
internal sealed class WrapTls(ClientHandshake handshake, AdmitHandshake admission, ConnectionDrain drain) : IConnectionStage<ClientConnection>
{
    /// <inheritdoc />
    public Task InvokeAsync(ClientConnection connection, Func<ClientConnection, Task> next) =>
        connection.Options.AtStart.Tls.WrapperMode ? WrapAsync(connection, next) : next(connection);

    private async Task WrapAsync(ClientConnection connection, Func<ClientConnection, Task> next)
    {
        if (!await admission.MayConnectAsync(connection).ConfigureAwait(false))
            return;
        if (handshake.TryEnter(connection) is not { } slot)
        {
            connection.EndWith(new(SessionEndReason.HandshakeRefused));
            admission.NoteUntold(connection);
            return;
        }

        try
        {
            if (await handshake.RunAsync(slot, connection, SessionEnd.AfterConnect, drain.Deadline).ConfigureAwait(false) is not { } transport)
            {
                admission.NoteUntold(connection);
                return;
            }

            await using (transport.ConfigureAwait(false))
                await next(connection).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (drain.Deadline.IsCancellationRequested)
        {
            // Shutdown was not willing to wait for the handshake.
            connection.EndWith(new(SessionEndReason.Shutdown));
        }
        finally
        {
            connection.LeaveTls();
        }
    }
}
