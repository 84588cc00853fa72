using System.Buffers;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// What a reply to a command changes once the client has it: the phase of the session, the transaction, what the client has spent, and what is known of it and
/// of its MTA; or the session ends.
/// </summary>
internal sealed class ReplyEffects(
    SmtpSession session, ContentRelay content, ClientBudgets budgets, Reputation reputation, LenientMtas lenientMtas, SessionCounts counts)
{
    /// <summary>The reply to the oldest command has been written: settles it, and does what follows.</summary>
    /// <param name="code">The reply's code.</param>
    /// <param name="reply">All its lines.</param>
    public void Complete(int code, in ReadOnlySequence<byte> reply)
    {
        ShadowWatch.LookAtReply(session, code, reply);
        var isLogin = session.Dialogue.Oldest.Verb == Verb.Auth;
        Conclude(code, reply);

        // Only now, because what others may still spend must not be counted late.
        if (isLogin)
            budgets.EndLogin();
        budgets.NoteCommands();
    }

    private void Conclude(int code, in ReadOnlySequence<byte> reply)
    {
        session.Mta.NoteReply(code, isSynchronizationError: code == 554 && reply.StartsWith("554 5.5.0"u8));
        session.Client.NoteReply();
        session.Mta.NoteActive();
        ref var head = ref session.Dialogue.Oldest;
        counts.NoteReply(head, code);
        if (head.Verb.Has(VerbFlags.NeedsMta))
            session.Mta.NoteNeeded();
        if (head.EndsSession)
        {
            session.End(SessionEndReason.ClientDisconnected);
            return;
        }

        if (code is 421 or 521)
        {
            RefusalLog.Write(session, head, code, session.Dialogue.IsMessageReplyNext, reply);
            if (code == 521)
                ReplyCounts.CountRefusal(session, head, code);
            session.End(head.IsMtas ? SessionEndReason.UpstreamEnded : SessionEndReason.ClientRefused);
            return;
        }

        if (EarlyVerdict.IsNext(session, head))
        {
            // The MTA has judged content it has not got whole; where its reader stands is unknown, so nothing more may follow.
            session.End(SessionEndReason.UpstreamEnded, head.Verb == Verb.Bdat ? Replies.UpstreamUnavailable(session.Options.MyHostname) : null);
            return;
        }

        if (code is >= 300 and < 400)
        {
            if (head.Verb == Verb.Data)
                content.Start();
            else
                session.Dialogue.Note(DialogueEvent.Challenged);

            // The time the MTA took for its challenge is not the client's.
            session.Client.BeginRequest();
            return;
        }

        if (head.Verb == Verb.Help && head.IsForwarded)
            session.Memory.NoteHelp(session.Mta.Destination, code, reply.ToArray());

        // A final reply ends a SASL exchange also when the MTA did not wait for the response it had asked for.
        session.Dialogue.Note(DialogueEvent.Answered);

        if (head.BeginsHandshake(code) && !head.IsForwarded)
        {
            // Whether STARTTLS has succeeded, the handshake decides.
            session.Context.LeaveClear(session.Transaction.IsEsmtp);
            session.Dialogue.Settle();
            counts.NoteSettled();
            session.End(SessionEndReason.StartTls);
            return;
        }

        var isOvershoot = head.Verb == Verb.Rcpt && code == 452 && (!head.IsMtas || reply.StartsWith("452 4.5.3"u8))
            && session.Transaction.IsOvershoot(session.Limits.RecipientOvershootLimit);
        var succeeded = code < 400 || isOvershoot;
        var isRefusedInShadow = LateCounts.Count(session, head, code);
        ReplyCounts.Count(session, head, code, succeeded);
        ShadowWatch.LookBehindReply(session, head, code, succeeded, isRefusedInShadow);
        if (head.IsMtas && head.Verb.Has(VerbFlags.NeedsMta))
            reputation.NoteReply(code < 400);
        if (session.Dialogue.IsMessageReplyNext && code < 300)
        {
            reputation.NoteMessage();
            session.Counter?.NoteDelivered();
            if (session.Context.Options.Upstream.Reuse)
                RefusalLog.WriteAccepted(session, reply);
        }

        if (succeeded)
            NoteSuccess(head, code);
        else
            NoteFailure(head, code, reply);
        if (head.Verb == Verb.Bdat)
            session.Transaction.NoteChunkReply(goesOn: succeeded && !head.IsLastChunk);
        Dequeue(head.Verb, code);
    }

    private void NoteFailure(in PendingCommand head, int code, in ReadOnlySequence<byte> reply)
    {
        RefusalLog.Write(session, head, code, session.Dialogue.IsMessageReplyNext, reply);
        if (head.IsMtas && !head.IsPostponed)
            session.Counter?.NoteReply(reply);
    }

    private void NoteSuccess(in PendingCommand head, int code)
    {
        if (head.IsNotUtf8)
            session.Dialogue.GoBehind(head.Verb.Name());
        switch (head.Verb)
        {
            case Verb.Helo or Verb.Ehlo:
                session.Transaction.Greet(head.Kept, head.Verb == Verb.Ehlo);
                break;
            case Verb.Mail:
                NoteTaken(isUnlikePostfix: head.LacksLabel || session.Transaction.HasSender);
                session.Transaction.Open(head.Kept);
                break;
            case Verb.Rcpt when code < 300:
                NoteTaken(isUnlikePostfix: head.LacksLabel || !session.Transaction.HasSender);
                session.Transaction.AddRecipient(head.Kept);
                if (session.Transaction.Recipients == 1 && session.MayLog())
                    RelayLog.FirstRecipient(session.Log, session.Identity.NameAddress);
                break;
            case Verb.Rset:
                session.Transaction.Reset();
                break;
            case Verb.Bdat when !head.IsLastChunk && session.Dialogue.Owed == 1:
                session.Dialogue.GoBehindChunk();
                break;
            case Verb.Auth:
                session.Context.NoteAuthenticated();
                break;
            case Verb.StartTls when code == 220:
                if (session.Context.Connection.Counts(ClientLimits.NewTlsSession))
                    session.Counter?.Count(AnvilEvent.NewTlsSession);
                session.Dialogue.Note(DialogueEvent.TlsPassedOn);
                RelayLog.TlsPassthrough(session.Log, session.Identity.NameAddress);
                break;
        }
    }

    // What the MTA accepts is a message or a recipient, however it was written.
    private void NoteTaken(bool isUnlikePostfix)
    {
        if (isUnlikePostfix)
            lenientMtas.Add(session.Mta.Destination);
    }

    private void Dequeue(Verb verb, int code)
    {
        if (session.Dialogue.IsMessageReplyNext)
        {
            session.Dialogue.NoteMessageReply();
            session.Transaction.EndMessage();
        }

        session.Transaction.Forget(session.Dialogue.Oldest.Kept);
        session.Dialogue.Settle();
        counts.NoteSettled();
        session.Client.BeginRequest();

        if (code == 221)
            session.End(verb == Verb.Quit ? SessionEndReason.ClientQuit : SessionEndReason.UpstreamEnded);
        else if (session.Errors.IsHard(session.Limits))
            EndForErrors();
    }

    private void EndForErrors()
    {
        reputation.NoteBad();
        session.Counter?.NoteTooManyErrors(session.Errors.Errors, session.Limits.HardErrorLimit);
        session.Metrics.NoteLimitHit(LimitRules.HardErrors);
        session.End(SessionEndReason.TooManyErrors, Replies.TooManyErrors(session.Options.MyHostname));
    }
}
