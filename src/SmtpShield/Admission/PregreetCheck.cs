using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Listening;
using SmtpShield.Protocol;
using SmtpShield.Telemetry;
using SmtpShield.Tls;

namespace SmtpShield.Admission;

/// <summary>
/// Refuses a client that talks before it was greeted (Postfix <c>smtpd_forbid_unauth_pipelining</c>, smtpd.c): mail software waits, what abuses it often does
/// not. As a stage it looks once before anything is counted or dialled; the session looks again before it greets. It sees what has arrived, and waits for
/// nothing. In wrapper mode nobody is refused, as by Postfix: the first command may come in one write with the end of the handshake.
/// </summary>
internal sealed partial class PregreetCheck(ShieldService service, ILogger<PregreetCheck> log) : IConnectionStage
{
    private const string BeforeGreeting = "CONNECT";

    private const int LongestInputLogged = 100;

    /// <inheritdoc />
    public async Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (!service.Current.Smtpd.ForbidUnauthPipelining || !await HasTalkedAsync(connection).ConfigureAwait(false))
        {
            await next(connection).ConfigureAwait(false);
            return;
        }

        await connection.Transport.SayAsync(Replies.SynchronizationError).ConfigureAwait(false);
    }

    // Logs it. What has been sent stays to be read.
    private async ValueTask<bool> HasTalkedAsync(ConnectionContext connection)
    {
        if (connection.Features.Get<TlsFacts>() is not null)
            return false;

        var client = connection.Features.Get<ClientIdentity>() ?? throw new InvalidOperationException($"{nameof(PregreetCheck)} runs behind {nameof(IdentifyClient)}.");
        try
        {
            // Octets may have come with a PROXY header, and have left the socket with it.
            var input = connection.Transport.Input;
            if (!input.TryRead(out var read))
            {
                if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket || socket.Available == 0)
                    return false;
                read = await input.ReadAsync().ConfigureAwait(false);
            }

            var hasTalked = !read.Buffer.IsEmpty;
            if (hasTalked)
                Log.ImproperPipelining(log, BeforeGreeting, client.NameAddress, ClientInput.Quote(read.Buffer, LongestInputLogged));
            input.AdvanceTo(read.Buffer.Start);
            return hasTalked;
        }
        catch (IOException)
        {
            // It has reset the connection meanwhile: that is for the session to find.
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1201, LogLevel.Information, "improper command pipelining after {After} from {Client}: {Input}", EventName = "TalkedBeforeGreeting")]
        public static partial void ImproperPipelining(ILogger logger, string after, string client, string input);
    }
}
