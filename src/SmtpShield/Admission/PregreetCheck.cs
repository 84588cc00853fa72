using Microsoft.Extensions.Logging;
using SmtpShield.Listening;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Admission;

/// <summary>
/// Refuses a client that talks before it was greeted (Postfix <c>smtpd_forbid_unauth_pipelining</c>, smtpd.c): mail software waits, what abuses it often does
/// not. As a stage it looks once before anything is counted or dialled; the session looks again before it greets. It sees what has arrived, and waits for
/// nothing. In wrapper mode nobody is refused, as by Postfix: the first command may come in one write with the end of the handshake.
/// </summary>
internal sealed partial class PregreetCheck(ILogger<PregreetCheck> log) : IConnectionStage<ClientConnection>
{
    private const int LongestInputLogged = 100;

    /// <inheritdoc />
    public async Task InvokeAsync(ClientConnection connection, Func<ClientConnection, Task> next)
    {
        var isForbidden = connection.Options.AtStart.Smtpd.ForbidUnauthPipelining;
        var shadow = connection.Shadow is { Smtpd.ForbidUnauthPipelining: true } judge ? judge : null;
        var hasTalked = (isForbidden || shadow is not null) && await HasTalkedAsync(connection, isForbidden).ConfigureAwait(false);
        if (hasTalked)
            shadow?.NoteEarlyTalk(SessionEnd.AfterConnect);
        if (!isForbidden || !hasTalked)
        {
            await next(connection).ConfigureAwait(false);
            return;
        }

        connection.Metrics.NoteLimitHit(LimitRules.Pipelining);
        connection.Counter?.NotePipelining(Replies.SynchronizationError.Code);
        await connection.RefuseAsync(SessionEndReason.TalkedFirst, Replies.SynchronizationError).ConfigureAwait(false);
    }

    // Logs it, where that is what it is refused for. What has been sent stays to be read.
    private async ValueTask<bool> HasTalkedAsync(ClientConnection connection, bool isLogged)
    {
        if (connection.Tls is not null)
            return false;

        try
        {
            // Octets may have come with a PROXY header, and have left the socket with it.
            var input = connection.Transport.Input;
            if (!input.TryRead(out var read))
            {
                if (!connection.HasArrived)
                    return false;
                read = await input.ReadAsync().ConfigureAwait(false);
            }

            var hasTalked = !read.Buffer.IsEmpty;
            if (hasTalked && isLogged)
            {
                Log.ImproperPipelining(connection.Through(log), SessionEnd.AfterConnect, connection.Client.NameAddress,
                    ClientInput.Quote(read.Buffer, LongestInputLogged));
            }
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
