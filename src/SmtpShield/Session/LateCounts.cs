using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// Counts MAIL and RCPT as their replies leave, where the gate did not: what an MTA takes that Postfix would not, and all of it where a limit is only in
/// shadow. By then all is known that the gate would have waited for, so nothing waits.
/// </summary>
internal static class LateCounts
{
    /// <summary>Counts a command, if it is one to be counted, and judges it in shadow.</summary>
    /// <param name="session">The session, before the reply has changed anything.</param>
    /// <param name="command">The command.</param>
    /// <param name="code">Its reply's code.</param>
    /// <returns>Whether a limit in shadow would have refused it, now or at the gate.</returns>
    public static bool Count(SmtpSession session, in PendingCommand command, int code)
    {
        if (command.Verb is not (Verb.Mail or Verb.Rcpt))
            return command.IsRefusedInShadow;

        var shadow = session.Context.Shadow;
        var isOne = command.IsJudged && !command.LacksLabel && (command.Verb == Verb.Rcpt) == session.Transaction.HasSender
            && (command.Verb == Verb.Rcpt || !session.Options.HeloRequired || session.Transaction.HasHelo);
        // Of several that would have refused it the first one counts.
        var isRefused = command.IsRefusedInShadow || JudgeHelo(session, command);
        if (Counted(session, command, isOne, isTaken: code < 300) is { } count && !isRefused)
            isRefused = shadow?.JudgeCommand(ClientLimits.Of(command.Verb)!, count) ?? false;
        if (command.Verb == Verb.Mail)
            shadow?.BeginTransaction(isRefused);
        else if (!isRefused && isOne)
            isRefused = shadow?.JudgeRecipient(session.Transaction.Recipients) ?? false;
        return isRefused;
    }

    private static bool JudgeHelo(SmtpSession session, in PendingCommand command)
    {
        if (command.Verb != Verb.Mail || !command.IsJudged || session.Transaction.HasHelo || session.Context.Shadow is not { Smtpd.HeloRequired: true } shadow)
            return false;

        shadow.NoteLackingHelo();
        return true;
    }

    // Null: it is not counted.
    private static int? Counted(SmtpSession session, in PendingCommand command, bool isOne, bool isTaken)
    {
        var limit = ClientLimits.Of(command.Verb)!;
        if (command.IsCounted || session.Counter is not { } client
            || !(limit.IsOn(session.Limits) ? isTaken : (isOne || isTaken) && session.Context.Connection.Counts(limit)))
        {
            return null;
        }

        return client.Count(limit);
    }
}
