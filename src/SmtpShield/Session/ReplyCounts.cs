using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>What a reply counts as: in Postfix's statistics, for the session's error limits, and for the client's over all its sessions.</summary>
internal static class ReplyCounts
{
    /// <summary>Counts a final reply.</summary>
    /// <param name="session">The session.</param>
    /// <param name="command">The command it is to.</param>
    /// <param name="code">Its code.</param>
    /// <param name="succeeded">Whether it is no error: a success, or a recipient too many that is forgiven.</param>
    public static void Count(SmtpSession session, in PendingCommand command, int code, bool succeeded)
    {
        var verb = command.Verb;
        var isUnread = command.IsNotUtf8 && code == 500;
        if (!isUnread && !command.IsBlank)
            session.Context.Statistics.Count(verb == Verb.Help && code is 500 or 502 ? Verb.Unknown : verb, succeeded);
        if (!succeeded && !command.IsPostponed)
        {
            session.Errors.CountError();
            if (command.IsMtas)
                session.Counter?.NoteError(verb, code, session.Errors.Errors);
        }
        if (!isUnread && IsJunk(session, command, succeeded))
        {
            if (session.Errors.CountJunkCommand(session.Limits))
                session.Metrics.NoteLimitHit(LimitRules.JunkCommands);
            session.Context.Shadow?.NoteJunk(session.Limits);
        }

        if (!succeeded)
            CountRefusal(session, command, code);
    }

    /// <summary>
    /// Counts what the MTA refuses for good: evidence against a client also in its next session. What it asks to try again later, greylisting above all, is
    /// none.
    /// </summary>
    public static void CountRefusal(SmtpSession session, in PendingCommand command, int code)
    {
        if (!command.IsMtas || session.Counter is not { } client)
            return;

        var connection = session.Context.Connection;
        if (connection.Counts(ClientLimits.Error) && code is not (450 or 451 or 452))
            client.Count(AnvilEvent.Error);
        if (connection.Counts(ClientLimits.AuthFailure) && command.Verb == Verb.Auth && LoginRefusal.Is(code, command.HasCredentials))
            client.Count(AnvilEvent.AuthFailure);
    }

    // Also what Postfix never takes, where the MTA does: words the shield does not know, HELP, and MAIL inside a transaction, which is RSET and MAIL.
    private static bool IsJunk(SmtpSession session, in PendingCommand command, bool succeeded) => command.Verb.IsJunk() || command.IsEmptyChunk
        || (succeeded && (command.Verb.Has(VerbFlags.JunkIfTaken) || (command.Verb == Verb.Mail && session.Transaction.HasSender)));
}
