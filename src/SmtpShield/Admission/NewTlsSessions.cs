using Microsoft.Extensions.Logging;
using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Admission;

/// <summary>
/// Limits the TLS sessions a client may negotiate anew: <c>smtpd_client_new_tls_session_rate_limit</c>. A resumed session is not new; a
/// handshake that failed is (smtpd.c, <c>smtpd_start_tls</c>).
/// </summary>
internal sealed class NewTlsSessions(ILogger<NewTlsSessions> log)
{
    private static readonly ClientLimit _limit = ClientLimits.NewTlsSession;

    /// <summary>Whether a client that begins with a handshake may do so; logs it if not.</summary>
    public bool MayBegin(ClientConnection connection)
    {
        var limits = connection.Options.Limits;
        if (connection.HandshakeCounter is not { } counter || !_limit.IsCounted(connection.Options))
            return true;

        var count = counter.Peek(AnvilEvent.NewTlsSession);
        connection.Shadow?.JudgeTlsService(count);
        if (_limit.Judge(count, limits) is not { } hit)
            return true;

        counter.NoteRefusal(hit, limits, code: 0);
        connection.Metrics.NoteLimitHit(_limit.Parameter);
        AdmissionLog.TlsRefused(connection.Through(log), connection.Client.NameAddress, connection.Options.Service);
        return false;
    }

    /// <summary>
    /// How many handshakes of a client may be under way: those that are not over are not counted yet, and of those above the limit
    /// only a few are told so inside TLS.
    /// </summary>
    /// <returns>Null: it has no share, as an exempt client.</returns>
    public static int? MostUnderWay(ClientConnection connection) =>
        connection.HandshakeCounter is not { } counter ? null
        : _limit.Value(connection.Options.Limits) is > 0 and var limit ? Math.Max(1, limit - counter.Peek(AnvilEvent.NewTlsSession) + HandshakesInVain.MostTold)
        : int.MaxValue;

    /// <summary>Counts a handshake that was not a resumption.</summary>
    /// <returns>What <see cref="JudgeAsync"/> judges; null: it was not counted.</returns>
    public static CountedHandshake? Count(ClientConnection connection)
    {
        if (connection.HandshakeCounter is not { } counter || !connection.Counts(_limit))
            return null;

        var count = counter.Count(_limit, out var others);
        return new(counter, count, others);
    }

    /// <summary>Judges a handshake that was counted.</summary>
    /// <param name="handshake">From <see cref="Count"/>.</param>
    /// <param name="connection">Its connection.</param>
    /// <returns>421, to be said inside TLS, when it was one too many; else null.</returns>
    public async ValueTask<Reply?> JudgeAsync(CountedHandshake? handshake, ClientConnection connection)
    {
        if (handshake is not { } counted)
            return null;
        if (counted.Others is not { } others)
            return Judge(counted.Counter, counted.Count, connection);

        await others.WhenOverAsync().ConfigureAwait(false);
        return Judge(counted.Counter, others.Counts.Of(AnvilEvent.NewTlsSession), connection);
    }

    private Reply? Judge(ClientCounter counter, int count, ClientConnection connection)
    {
        var limits = connection.Options.Limits;
        connection.Shadow?.JudgeHandshake(count);
        if (_limit.Judge(count, limits) is not { } hit)
            return null;

        connection.Metrics.NoteLimitHit(_limit.Parameter);
        AdmissionLog.LimitExceeded(connection.Through(log), hit.Limit.Subject, hit.Count, connection.Client.NameAddress, connection.Options.Service);
        var reply = hit.ReplyTo(connection.Options.AtStart.Smtpd.MyHostname, connection.Client);
        counter.NoteRefusal(hit, limits, reply.Code);
        return reply;
    }
}
