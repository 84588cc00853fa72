using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Relay;

/// <summary>
/// What the client may still spend over all its sessions, errors (<c>shield_client_error_rate_limit</c>) and refused logins
/// (<c>shield_client_auth_failure_rate_limit</c>): judged at connect, and here at each command that could spend them, since what one session spends the others
/// have not got any more.
/// </summary>
/// <param name="state">The session.</param>
/// <param name="wake">Makes the session's loop look again.</param>
internal sealed class ClientBudgets(RelayState state, Action wake)
{
    /// <summary>Whether the client has made too many errors.</summary>
    public bool AreErrorsSpent =>
        ClientLimits.Error.IsOn(state.Limits) && state.Counter is { } client && ClientLimits.Error.Judge(client.Peek(), state.Limits) is not null;

    /// <summary>
    /// Whether another command may follow those the session has with the MTA: if all the client has there failed, the budget must not be more than spent. A session
    /// without any may always have one, so that none waits for another one's MTA.
    /// </summary>
    public bool HasRoom => state.Limits.ClientErrorRateLimit is 0 || state.Counter is not { } client || state.Pending.Count == 0
        || (long)client.Peek(AnvilEvent.Error) + client.CommandsInFlight <= state.Limits.ClientErrorRateLimit;

    /// <summary>A command has been added to those without a reply, or has got it.</summary>
    public void NoteCommands()
    {
        if (state.Limits.ClientErrorRateLimit > 0)
            state.Counter?.NoteCommands(state.Pending.Count);
    }

    /// <summary>The reply to a client that has made too many errors; logs it.</summary>
    public Reply RefuseForErrors() => Refuse(ClientLimits.Error);

    /// <summary>Asks whether a login, or a response in one, may go to the MTA.</summary>
    /// <param name="refusal">The reply when it may not; the session ends.</param>
    public LoginTurn BeginLogin(out Reply? refusal)
    {
        refusal = null;
        if (state.Limits.ClientAuthFailureRateLimit is 0 || state.Counter is not { } client)
            return LoginTurn.Begun;

        var turn = client.BeginLogin(state.Limits.ClientAuthFailureRateLimit, wake);
        if (turn == LoginTurn.Spent)
            refusal = Refuse(ClientLimits.AuthFailure);
        return turn;
    }

    /// <summary>The MTA has answered AUTH or a response, or does not get it.</summary>
    public void EndLogin() => state.Counter?.EndLogin();

    private Reply Refuse(ClientLimit limit)
    {
        var client = state.Counter!;

        // The window may have ended between the judgement and now.
        if (limit.Judge(client.Peek(), state.Limits) is { } hit && state.LogBudget.TryTake())
            RelayLog.LimitExceeded(state.Log, limit.Subject, hit.Count, state.Client.NameAddress, client.Service);
        return limit.ReplyTo(state.Options.MyHostname, state.Client);
    }
}
