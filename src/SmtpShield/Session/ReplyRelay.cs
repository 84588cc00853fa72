using System.Buffers;
using SmtpShield.Limits;
using SmtpShield.Mta.Learned;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// MTA to client: reads whole replies, books each on the oldest command without one, relays it when its turn and its delay allow, and draws the consequences:
/// errors, the phase of the session, the transaction, its end.
/// </summary>
internal sealed class ReplyRelay(
    SmtpSession session,
    ContentRelay content,
    ClientBudgets budgets,
    EhloAnswers ehlo,
    Reputation reputation,
    MtaAnswers answers,
    LenientMtas lenientMtas)
{
    private int _written;

    /// <summary>The MTA's bytes can be used as soon as there are more of them.</summary>
    public bool NeedsInput { get; private set; }
    private ReplyReader _reader;

    /// <summary>Some lines of a reply have been written, and others not yet.</summary>
    public bool IsWithinReply => _written > 0;

    /// <summary>Relays as many replies as are there and allowed.</summary>
    /// <returns>Whether any was relayed.</returns>
    public bool Pump()
    {
        var moved = false;
        NeedsInput = false;
        while (!session.HasEnded && session.Dialogue.Phase is not (DialoguePhase.RefusedContent or DialoguePhase.Tunnel) && !session.Client.IsFlushing)
        {
            var isOwn = session.Dialogue.Owed > 0 && !session.Dialogue.Oldest.IsForwarded;
            if (!isOwn && session.Mta.HoldsCommand)
                return moved;

            if (!(isOwn ? TryRelayOwn() : TryRelayUpstream()))
                return moved;
            moved = true;
        }

        return moved;
    }

    /// <summary>Relays the MTA's greeting, the first reply of the session.</summary>
    public void Greet()
    {
        var code = session.Mta.Greeting(out var greeting);
        if (code == 220)
            session.Memory.NoteGreeting(session.Mta.Destination, greeting);
        session.Context.NoteGreeted(session.Clock.Now);
        Greet(code, greeting);
    }

    /// <summary>Greets the client in the MTA's place.</summary>
    /// <param name="promise">What the MTA is known to say.</param>
    public void Greet(MtaPromise promise)
    {
        session.Context.NoteGreeted(session.Clock.Now);
        session.Client.Write(promise.Greeting.Span);
    }

    /// <summary>The greeting of the MTA's session behind STARTTLS: the client was greeted before, and only hears of one that ends the session.</summary>
    public void GoOn()
    {
        session.Dialogue.GoBehind(Dialogue.AfterStartTls);
        if (session.Mta.State is MtaLegState.None)
            return;

        var code = session.Mta.Greeting(out var greeting);
        if (code == 220)
            session.Memory.NoteGreeting(session.Mta.Destination, greeting);
        if (code is 421 or 521)
            Greet(code, greeting);
    }

    private void Greet(int code, ReadOnlySpan<byte> greeting)
    {
        session.Client.Write(greeting);
        if (code >= 400)
            session.Errors.CountError();
        if (code is 421 or 521)
            session.End(SessionEndReason.UpstreamEnded);
    }

    private bool TryRelayOwn()
    {
        ref var head = ref session.Dialogue.Oldest;
        var reply = head.OwnReply!;
        if (IsHandshakeNext(head, reply.Code) && HasTalkedBehindStartTls())
            return true;

        var rest = reply.Octets.Span[_written..];

        // Postfix writes each line of its EHLO reply as a reply of its own, so each one is delayed (smtpd.c, ehlo_cmd).
        if (head.Verb == Verb.Ehlo && reply.Code < 400)
            rest = rest[..(rest.IndexOf((byte)'\n') + 1)];
        if (!session.Client.Pace.MayReply())
            return false;

        // A place is taken now that the reply leaves: not while the MTA works on what came before STARTTLS, nor during a delay.
        if (IsHandshakeNext(head, reply.Code) && !session.Context.TryReserveHandshake())
        {
            head.Replace(reply = session.Adapt(Replies.TlsNotAvailable));
            rest = reply.Octets.Span;
        }

        session.Client.Write(rest);
        _written += rest.Length;
        if (_written < reply.Octets.Length)
            return true;

        _written = 0;
        Complete(reply.Code, new ReadOnlySequence<byte>(reply.Octets));
        return true;
    }

    private bool TryRelayUpstream()
    {
        var upstream = session.Mta;
        if (upstream.Received.IsEmpty && !upstream.IsReceiveEnded)
        {
            NeedsInput = true;
            return false;
        }

        switch (_reader.TryRead(upstream.Received, out var reply))
        {
            case ReplyStatus.NeedMore when upstream.IsReceiveEnded:
                Lose();
                return true;
            case ReplyStatus.NeedMore:
                NeedsInput = true;
                return false;
            case ReplyStatus.Malformed:
                Desynchronize();
                return true;
        }

        if (session.Dialogue.Owed == 0)
        {
            RelayUnsolicited(reply);
            return true;
        }

        ref var head = ref session.Dialogue.Oldest;
        if (!IsPossible(head, reply.Code))
        {
            Desynchronize();
            return true;
        }

        answers.Note(head.Verb, reply.Code, reply.Octets);

        // Not before the kernel has all of the message.
        if (session.Dialogue.IsMessageReplyNext && reply.Code < 300 && upstream.IsFlushing)
            return false;

        if (head.OwnReply is not null && reply.Code is not (421 or 521))
        {
            Take(reply);
            head.AnswerHere();
            return true;
        }

        if (head.Verb == Verb.Ehlo && reply.Code < 300)
        {
            RelayEhlo(ref head, reply);
            return true;
        }

        if (IsHandshakeNext(head, reply.Code) && HasTalkedBehindStartTls())
            return true;

        // An accepted message clears the client's record before its reply is sent, so that this reply is not delayed any more (smtpd.c, data_cmd).
        if (session.Dialogue.IsMessageReplyNext && reply.Code < 300)
        {
            session.Errors.Reset();
            session.Context.Connection.Lines.NoteDelivered();
        }

        if (!session.Client.Pace.MayReply())
        {
            if (reply.Code >= 400 && reply.Code is not (421 or 521) && session.Dialogue is { Phase: DialoguePhase.Commands, AwaitsMessageReply: false })
                TakeOver(ref head, reply);
            return false;
        }

        session.Client.Write(reply);
        Complete(reply.Code, reply.Octets);
        Take(reply);
        return true;
    }

    // A refusal that waits for its time is kept here: the MTA has done its part, and may serve somebody else meanwhile.
    private void TakeOver(ref PendingCommand head, in ReplyFrame reply)
    {
        var octets = new ArrayBufferWriter<byte>((int)reply.Octets.Length);
        ReplyReader.CopyTo(reply, octets);
        head.AnswerForMta(new(reply.Code, octets.WrittenMemory));
        Take(reply);
    }

    private void Take(in ReplyFrame reply)
    {
        session.Mta.Take(reply.Octets.End);
        answers.NoteTaken();
    }

    private static bool IsHandshakeNext(in PendingCommand head, int code) => head.Verb == Verb.StartTls && code == 220;

    // Plaintext behind STARTTLS must not be taken for something said inside TLS (CVE-2011-0411).
    private bool HasTalkedBehindStartTls()
    {
        if (session.Client.Received.IsEmpty)
            return false;

        session.End(SessionEndReason.ClientRefused, Replies.SynchronizationError);
        return true;
    }

    // An MTA that says anything else waits for something the shield does not delimit, or speaks of something it has not got: to pass
    // that on would tell the client what is not true. Content, a chunk or a SASL exchange that is not over can only be refused, and no tunnel opens
    // where STARTTLS is hidden: only with an argument it has reached the MTA.
    private bool IsPossible(in PendingCommand head, int code) => code switch
    {
        >= 400 => true,
        >= 300 => session.Dialogue.Phase is DialoguePhase.Commands && !session.Dialogue.AwaitsMessageReply && head.OwnReply is null
            && (head.Verb, code) is (Verb.Data, 354) or (Verb.Auth, 334),
        220 when head.Verb == Verb.StartTls && session.Discards(Verb.StartTls.Row().Keyword!) => false,
        _ => !IsEarly(head) && head.OwnReply is null,
    };

    private void RelayUnsolicited(in ReplyFrame reply)
    {
        if (reply.Code != 421)
        {
            Desynchronize();
            return;
        }

        // Of a session that its client does not need, an MTA that stops or has waited too long is no loss. Anything else may be the MTA's own limit.
        if (CanDoWithout && (StartsWith(reply.Octets, "421 4.4.2"u8) || StartsWith(reply.Octets, "421 4.3.2"u8)))
        {
            session.Mta.Lose();
            return;
        }

        session.Client.Write(reply);
        session.End(SessionEndReason.UpstreamEnded);
    }

    private void RelayEhlo(ref PendingCommand head, in ReplyFrame reply)
    {
        var octets = new ArrayBufferWriter<byte>((int)reply.Octets.Length);
        ReplyReader.CopyTo(reply, octets);
        head.AnswerHere(ehlo.Relay(reply.Code, octets.WrittenMemory));
        Take(reply);
    }

    private void Complete(int code, in ReadOnlySequence<byte> reply)
    {
        var isLogin = session.Dialogue.Oldest.Verb == Verb.Auth;
        Conclude(code, reply);

        // Only now, because what others may still spend must not be counted late.
        if (isLogin)
            budgets.EndLogin();
        budgets.NoteCommands();
    }

    // The reply to the oldest command has been written: what follows from it.
    private void Conclude(int code, in ReadOnlySequence<byte> reply)
    {
        session.Mta.NoteReply(code, isSynchronizationError: code == 554 && StartsWith(reply, "554 5.5.0"u8));
        session.Client.NoteReply();
        session.Mta.NoteActive();
        ref var head = ref session.Dialogue.Oldest;
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
            if (code == 521 && head.IsMtas && session.Counter is { } client)
                CountRefusal(client, head, code);
            session.End(head.IsMtas ? SessionEndReason.UpstreamEnded : SessionEndReason.ClientRefused);
            return;
        }

        if (IsEarly(head))
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

        if (IsHandshakeNext(head, code) && !head.IsForwarded)
        {
            // Whether STARTTLS has succeeded, the handshake decides.
            session.Context.LeaveClear(session.Transaction.IsEsmtp);
            session.Dialogue.Settle();
            session.End(SessionEndReason.StartTls);
            return;
        }

        var isOvershoot = head.Verb == Verb.Rcpt && code == 452 && (!head.IsMtas || StartsWith(reply, "452 4.5.3"u8))
            && session.Transaction.IsOvershoot(session.Limits.RecipientOvershootLimit);
        var succeeded = code < 400 || isOvershoot;
        Count(head, code, succeeded);
        if (head.IsMtas && head.Verb.Has(VerbFlags.NeedsMta))
            reputation.NoteReply(code < 400);
        if (session.Dialogue.IsMessageReplyNext && code < 300)
            reputation.NoteMessage();
        if (succeeded)
            NoteSuccess(head, code);
        else
            RefusalLog.Write(session, head, code, session.Dialogue.IsMessageReplyNext, reply);
        if (head.Verb == Verb.Bdat)
            session.Transaction.NoteChunkReply(goesOn: succeeded && !head.IsLastChunk);
        Dequeue(head.Verb, code);
    }

    private bool IsEarly(in PendingCommand head) =>
        session.Dialogue.Phase is DialoguePhase.Content || (session.Dialogue.IsMessageReplyNext && (session.Mta.HoldsMessageEnd || session.Mta.HasLostOutput))
        || (session.Dialogue.Phase is DialoguePhase.Chunk && session.Dialogue.Owed == 1 && head.Verb == Verb.Bdat && session.Transaction.ChunkRemaining > 0
            && session.Transaction.ChunkRefusal is null);

    private void Count(in PendingCommand command, int code, bool succeeded)
    {
        var verb = command.Verb;
        var isUnread = command.IsNotUtf8 && code == 500;
        if (!isUnread && !command.IsBlank)
            session.Context.Statistics.Count(verb == Verb.Help && code is 500 or 502 ? Verb.Unknown : verb, succeeded);
        if (!succeeded && !command.IsPostponed)
            session.Errors.CountError();
        if (!isUnread && IsJunk(command, succeeded))
            session.Errors.CountJunkCommand(session.Limits);
        if (!succeeded && command.IsMtas && session.Counter is { } client)
            CountRefusal(client, command, code);
    }

    // Also what Postfix never takes, where the MTA does: words the shield does not know, HELP, and MAIL inside a transaction, which is RSET and MAIL.
    private bool IsJunk(in PendingCommand command, bool succeeded) => command.Verb.IsJunk() || command.IsEmptyChunk
        || (succeeded && (command.Verb.Has(VerbFlags.JunkIfTaken) || (command.Verb == Verb.Mail && session.Transaction.HasSender)));

    // What the MTA refuses for good is evidence against a client also in its next session; what it asks to try again later, greylisting above all, is none.
    private void CountRefusal(ClientCounter client, in PendingCommand command, int code)
    {
        if (session.Limits.ClientErrorRateLimit > 0 && code is not (450 or 451 or 452))
            client.Count(AnvilEvent.Error);
        if (session.Limits.ClientAuthFailureRateLimit > 0 && command.Verb == Verb.Auth && LoginRefusal.Is(code, command.HasCredentials))
            client.Count(AnvilEvent.AuthFailure);
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
                NoteTaken(head, ClientLimits.Message, isUnlikePostfix: head.LacksLabel || session.Transaction.HasSender);
                session.Transaction.Open(head.Kept);
                break;
            case Verb.Rcpt when code < 300:
                NoteTaken(head, ClientLimits.Recipient, isUnlikePostfix: head.LacksLabel || !session.Transaction.HasSender);
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
                if (session.Limits.ClientNewTlsSessionRateLimit > 0)
                    session.Counter?.Count(AnvilEvent.NewTlsSession);
                session.Dialogue.Note(DialogueEvent.TlsPassedOn);
                RelayLog.TlsPassthrough(session.Log, session.Identity.NameAddress);
                break;
        }
    }

    // What the MTA accepts is a message or a recipient, however it was written.
    private void NoteTaken(in PendingCommand head, ClientLimit limit, bool isUnlikePostfix)
    {
        if (isUnlikePostfix)
            lenientMtas.Add(session.Mta.Destination);
        if (!head.IsCounted && limit.IsOn(session.Limits))
            session.Counter?.Count(limit);
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
        session.Client.BeginRequest();

        if (code == 221)
            session.End(verb == Verb.Quit ? SessionEndReason.ClientQuit : SessionEndReason.UpstreamEnded);
        else if (session.Errors.IsHard(session.Limits))
            EndForErrors();
    }

    private void EndForErrors()
    {
        reputation.NoteBad();
        session.End(SessionEndReason.TooManyErrors, Replies.TooManyErrors(session.Options.MyHostname));
    }

    private static bool StartsWith(in ReadOnlySequence<byte> reply, ReadOnlySpan<byte> prefix)
    {
        if (reply.Length < prefix.Length)
            return false;

        Span<byte> start = stackalloc byte[16];
        reply.Slice(0, prefix.Length).CopyTo(start);
        return start[..prefix.Length].SequenceEqual(prefix);
    }

    private void Desynchronize() => session.End(SessionEndReason.UpstreamMalformed, Replies.UpstreamUnavailable(session.Options.MyHostname));

    private bool CanDoWithout => session.Context.IsLate && session is { IsMtaDispensable: true, Mta: { HasRefused: false, Profile.Offer: not null } };

    // The MTA has closed. Without a word where one was owed, the client must not take silence for success; behind a farewell the close belongs to it.
    private void Lose()
    {
        if (session.Dialogue.IsNext(Verb.Quit))
        {
            session.Dialogue.Oldest.AnswerHere(session.Adapt(Replies.Bye));
        }
        else if (session.Dialogue.Owed == 0 && !session.Mta.HasSaidFarewell && CanDoWithout)
        {
            session.Mta.Lose();
        }
        else if (session.Dialogue.Owed == 0 && session.Mta.HasSaidFarewell)
        {
            session.End(SessionEndReason.UpstreamEnded);
        }
        else
        {
            session.End(SessionEndReason.UpstreamLost, Replies.UpstreamUnavailable(session.Options.MyHostname));
        }
    }
}
