using Microsoft.Extensions.Logging;
using SmtpShield.Observe;

namespace SmtpShield.Admission;

/// <summary>
/// Decides who may have a handshake, before the key is used: not who is above <c>smtpd_client_new_tls_session_rate_limit</c>, nor who has left handshakes
/// unfinished, nor, where the handshake comes first, who is over a limit on connections and has been told so inside TLS often enough.
/// </summary>
internal sealed class AdmitHandshake(NewTlsSessions newSessions, HandshakesInVain inVain, ILogger<AdmitHandshake> log)
{
    /// <summary>
    /// Counts a connection that begins with a handshake, and judges it. A refusal that it may be told of, <see cref="AdmitClient"/> tells inside TLS.
    /// </summary>
    /// <returns>False: it can only be closed, and the log says why.</returns>
    public async ValueTask<bool> MayConnectAsync(ClientConnection connection)
    {
        if (connection.HandshakeCounter is null)
            return true;
        if (!newSessions.MayBegin(connection))
            return End(connection, SessionEndReason.HandshakeRefused);
        if (await connection.JudgeOnceAsync(ConnectionLimits.CountAsync).ConfigureAwait(false) is not { } refusal
            || inVain.TryTell(connection.Client.Range))
        {
            return true;
        }

        Log(refusal, connection);
        return End(connection, SessionEndReason.ConnectionLimit);
    }

    /// <summary>A connection ends without TLS: if it was to be told of a refusal, the log still does.</summary>
    public void NoteUntold(ClientConnection connection)
    {
        if (connection.Refusal is { } refusal)
            Log(refusal, connection);
    }

    /// <summary>Whether a client may begin a handshake, for all it has done with earlier ones; logs it if not.</summary>
    public bool MayBegin(ClientConnection connection)
    {
        if (connection.HandshakeCounter is not { } counter || inVain.TooManyLeft(connection.Client.Range) is not (> 0 and var left))
            return true;

        counter.NoteHandshakesLeft(left);
        AdmissionLog.LimitExceeded(connection.Through(log), "Unfinished TLS handshake", left, connection.Client.NameAddress, connection.Options.Service);
        return false;
    }

    private static bool End(ClientConnection connection, SessionEndReason reason)
    {
        connection.EndWith(new(reason));
        return false;
    }

    private void Log(ConnectionRefusal refusal, ClientConnection connection)
    {
        connection.Metrics.NoteLimitHit(refusal.Rule);
        AdmissionLog.LimitExceeded(connection.Through(log), refusal.Subject, refusal.Count, connection.Client.NameAddress, connection.Options.Service);
    }
}
