using Microsoft.AspNetCore.Connections;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Listening;
using SmtpShield.Relay;
using SmtpShield.Tls;

namespace SmtpShield.Sessions;

/// <summary>
/// In <c>smtpd_tls_wrappermode</c>, begins with the handshake. From here on the connection's transport is what is inside TLS, and its <see cref="TlsFacts"/> are a feature.
/// Unlike in Postfix (smtpd.c, <c>smtpd_proto</c>) the connection is counted before, because a handshake costs more than all else; a client over a limit is still
/// told inside, the first times.
/// </summary>
internal sealed class WrapTls(ClientHandshake handshake, AdmitHandshake admission, ShieldService service, ProcessLimit processLimit, ConnectionDrain drain) : IConnectionStage
{
    /// <inheritdoc />
    public Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var options = service.Current.When(processLimit.IsUnderStress).Tls;
        return options.WrapperMode ? WrapAsync(connection, options, next) : next(connection);
    }

    private async Task WrapAsync(ConnectionContext connection, TlsOptions options, ConnectionDelegate next)
    {
        var client = connection.Features.Get<ClientIdentity>() ?? throw new InvalidOperationException($"{nameof(WrapTls)} runs behind {nameof(IdentifyClient)}.");
        var isCheck = connection.Features.Get<ProxyConnection>() is { IsLocal: true };
        var mayConnect = admission.MayConnect(connection, client, out var counter);
        using var counted = counter;
        if (!mayConnect)
            return;
        if (handshake.TryEnter(client, counter, options) is not { } slot)
        {
            admission.NoteUntold(connection, client);
            return;
        }

        var raw = connection.Transport;
        try
        {
            if (await handshake.RunAsync(slot, raw, client, counter, options, isCheck, Dialogue.AfterConnect, drain.Deadline).ConfigureAwait(false) is not { } transport)
            {
                admission.NoteUntold(connection, client);
                return;
            }

            await using (transport.ConfigureAwait(false))
            {
                connection.Features.Set(transport.Facts);
                connection.Transport = transport;
                await next(connection).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (drain.Deadline.IsCancellationRequested)
        {
            // Shutdown was not willing to wait for the handshake.
        }
        finally
        {
            connection.Transport = raw;
        }
    }
}
