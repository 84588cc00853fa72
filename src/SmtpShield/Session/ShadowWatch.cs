using System.Buffers;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Protocol;
using SmtpShield.Shadow;

namespace SmtpShield.Session;

/// <summary>
/// Shows a session to its <see cref="ShadowJudge"/>, when something happens in it anyway: it wakes nobody, so a wait that would have been over is noticed with
/// the next thing that happens, or at the end.
/// </summary>
internal static class ShadowWatch
{
    /// <summary>A line of the client's is complete.</summary>
    public static void LookAtLine(SmtpSession session)
    {
        if (session.Context.Shadow is not { Smtpd.PerRequestDeadline: true } shadow || session.Dialogue.Owed > 0)
            return;
        if (session.Clock.Since(session.Client.RequestSince) >= session.Options.Timeout)
            shadow.NoteTimeout(LimitRules.RequestDeadline, session.DescribeAfter());
    }

    /// <summary>A reply has been written, and nothing has followed from it yet.</summary>
    /// <param name="session">The session.</param>
    /// <param name="code">The reply's code.</param>
    /// <param name="reply">All its lines.</param>
    public static void LookAtReply(SmtpSession session, int code, in ReadOnlySequence<byte> reply)
    {
        if (session.Context.Shadow is not { } shadow)
            return;

        ref var head = ref session.Dialogue.Oldest;
        if (!session.Dialogue.IsMessageReplyNext)
            LookAtTime(session, shadow);
        if (session.Client.IsContentLateInShadow && !shadow.IsGhost && session.Dialogue.IsMessageReplyNext)
            shadow.NoteTimeout(shadow.Smtpd is { MinDataRate: > 1 } ? LimitRules.DataRate : LimitRules.RequestDeadline, session.Dialogue.After);
        if (head.Verb is not (Verb.Quit or Verb.Bdat) && !session.Dialogue.IsMessageReplyNext)
            LookAtBudgets(session, shadow, head);
        shadow.JudgeDelay(head.Verb == Verb.Ehlo && code < 400 ? LinesOf(reply) : 1);
    }

    /// <summary>A final reply was counted.</summary>
    /// <param name="session">The session.</param>
    /// <param name="head">The command.</param>
    /// <param name="code">The reply's code.</param>
    /// <param name="succeeded">Whether it is no error.</param>
    /// <param name="isRefused">Whether a limit in shadow would have refused the command.</param>
    public static void LookBehindReply(SmtpSession session, in PendingCommand head, int code, bool succeeded, bool isRefused)
    {
        if (session.Context.Shadow is not { } shadow)
            return;

        if (head.Verb is Verb.Auth or Verb.Etrn && head.IsJudged && !session.Transaction.HasHelo && shadow.Smtpd is { HeloRequired: true })
        {
            shadow.NoteLackingHelo();
            isRefused = true;
        }

        if (isRefused || (!succeeded && !head.IsPostponed))
            shadow.NoteError();
        if (session.Dialogue.IsMessageReplyNext && code < 300)
            shadow.NoteMessage();
        if (code != 221)
            shadow.JudgeErrors(session.DescribeAfter());
    }

    /// <summary>The session is over.</summary>
    public static void LookAtEnd(SmtpSession session)
    {
        if (session.Context.Shadow is { } shadow && session.Ending.Reason is not (SessionEndReason.StartTls or SessionEndReason.ClientTimeout))
            LookAtTime(session, shadow);
    }

    private static void LookAtTime(SmtpSession session, ShadowJudge shadow)
    {
        if (shadow is { IsGhost: false, Smtpd.SessionTimeLimit: var limit } && limit > TimeSpan.Zero && session.Context.GreetedAt is { } greeted
            && session.Clock.Since(greeted) >= limit)
        {
            shadow.NoteTimeout(LimitRules.SessionTime, session.DescribeAfter());
        }
    }

    private static void LookAtBudgets(SmtpSession session, ShadowJudge shadow, in PendingCommand head)
    {
        if (shadow is { IsGhost: false, Limits: { } limits } && session.Counter is { } client)
        {
            if (limits.ClientErrorRateLimit > 0)
                shadow.JudgeBudget(ClientLimits.Error, client.Peek(AnvilEvent.Error));
            if (limits.ClientAuthFailureRateLimit > 0 && head.Verb == Verb.Auth)
                shadow.JudgeBudget(ClientLimits.AuthFailure, client.Peek(AnvilEvent.AuthFailure));
        }
    }

    private static int LinesOf(in ReadOnlySequence<byte> reply)
    {
        var lines = 0;
        foreach (var segment in reply)
            lines += segment.Span.Count((byte)'\n');
        return lines;
    }
}
