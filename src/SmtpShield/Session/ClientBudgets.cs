using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// What the client may still spend over all its sessions, errors (<c>shield_client_error_rate_limit</c>) and refused logins
/// (<c>shield_client_auth_failure_rate_limit</c>): judged at connect, and here at each command that could spend them, since what one session spends the others
/// have not got any more.
/// </summary>
/// <param name="session">The session.</param>
/// <param name="wake">Makes the session's loop look again.</param>
internal sealed class ClientBudgets(SmtpSession session, Action wake)
{
    /// <summary>Whether the client has made too many errors.</summary>
    public bool AreErrorsSpent =>
        ClientLimits.Error.IsOn(session.Limits) && session.Counter is { } client && ClientLimits.Error.Judge(client.Peek(), session.Limits) is not null;

    /// <summary>
    /// Whether another command may follow those the session has with the MTA, which then has its place: if all the client has there failed, the budget must
    /// not be more than spent. A session without any may always have one, so that none waits for another one's MTA.
    /// </summary>
    public bool TryTakeRoom() => session.Limits.ClientErrorRateLimit is 0 || session.Counter is not { } client || session.Dialogue.Owed == 0
        || client.TryAddCommand(session.Limits.ClientErrorRateLimit);

    /// <summary>A command has been added to those without a reply, or has got it. None is left counted where a reload has switched the limit off.</summary>
    public void NoteCommands() => session.Counter?.NoteCommands(session.Limits.ClientErrorRateLimit > 0 ? session.Dialogue.Owed : 0);

    /// <summary>The reply to a client that has made too many errors; logs it.</summary>
    public Reply RefuseForErrors() => Refuse(ClientLimits.Error);

    /// <summary>Asks whether a login, or a response in one, may go to the MTA.</summary>
    /// <param name="refusal">The reply when it may not; the session ends.</param>
    public LoginTurn BeginLogin(out Reply? refusal)
    {
        refusal = null;
        if (session.Limits.ClientAuthFailureRateLimit is 0 || session.Counter is not { } client)
            return LoginTurn.Begun;

        var turn = client.BeginLogin(session.Limits.ClientAuthFailureRateLimit, wake);
        if (turn == LoginTurn.Spent)
            refusal = Refuse(ClientLimits.AuthFailure);
        return turn;
    }

    /// <summary>The MTA has answered AUTH or a response, or does not get it.</summary>
    public void EndLogin() => session.Counter?.EndLogin();

    private Reply Refuse(ClientLimit limit)
    {
        var client = session.Counter!;
        var reply = limit.ReplyTo(session.Options.MyHostname, session.Identity);
        session.Metrics.NoteLimitHit(limit.Parameter);

        // The window may have ended between the judgement and now.
        if (limit.Judge(client.Peek(), session.Limits) is { } hit)
        {
            client.NoteRefusal(hit, session.Limits, reply.Code);
            if (session.MayLog())
                RelayLog.LimitExceeded(session.Log, limit.Subject, hit.Count, session.Identity.NameAddress, client.Service);
        }

        return reply;
    }
}
