using System.Buffers;
using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Relay;

/// <summary>
/// MTA to client: reads whole replies, books each on the oldest command without one, relays it when its turn and its delay allow, and draws the consequences:
/// errors, the phase of the session, the transaction, its end.
/// </summary>
internal sealed class ReplyRelay(
    RelayState state,
    ReplyPace pace,
    ContentRelay content,
    ClientBudgets budgets,
    RemovedEhloKeywords removedKeywords,
    LenientMtas lenientMtas,
    string destination)
{
    private int _lastCode;
    private bool _lastWasSynchronizationError;
    private ReplyReader _reader;
    private int _written;
    private int _overshoot;

    /// <summary>The MTA's bytes can be used as soon as there are more of them.</summary>
    public bool NeedsInput { get; private set; }

    /// <summary>Some lines of a reply have been written, and others not yet.</summary>
    public bool IsWithinReply => _written > 0;

    /// <summary>Relays as many replies as are there and allowed.</summary>
    /// <returns>Whether any was relayed.</returns>
    public bool Pump()
    {
        var moved = false;
        NeedsInput = false;
        while (!state.HasEnded && state.Phase is not (RelayPhase.RefusedContent or RelayPhase.Tunnel) && !state.ClientSide.IsFlushing)
        {
            var isOwn = state.Pending.Count > 0 && !state.Pending.Head.IsForwarded;
            if (!(isOwn ? TryRelayOwn() : TryRelayUpstream()))
                return moved;
            moved = true;
        }

        return moved;
    }

    /// <summary>Relays the MTA's greeting, the first reply of the session.</summary>
    public void Greet(ReadOnlyMemory<byte> greeting, int code)
    {
        state.ClientSide.Write(greeting.Span);
        _lastCode = code;
        state.IsAccessDenied = code >= 500;
        if (code >= 400)
            state.Errors.CountError();
        if (code is 421 or 521)
            state.End(RelayResult.UpstreamEnded);
    }

    /// <summary>The greeting of the MTA's session behind STARTTLS: the client only hears of one that ends or refuses the session.</summary>
    public void GoOn(ReadOnlyMemory<byte> greeting, int code)
    {
        if (code is 421 or 521)
        {
            Greet(greeting, code);
            return;
        }

        _lastCode = code;
        state.IsAccessDenied = code >= 500;
    }

    private bool TryRelayOwn()
    {
        ref var head = ref state.Pending.Head;
        var reply = head.OwnReply!;
        if (IsHandshakeNext(head, reply.Code) && HasTalkedBehindStartTls())
            return true;

        var rest = reply.Octets.Span[_written..];

        // Postfix writes each line of its EHLO reply as a reply of its own, so each one is delayed (smtpd.c, ehlo_cmd).
        if (head.Verb == Verb.Ehlo && reply.Code < 400)
            rest = rest[..(rest.IndexOf((byte)'\n') + 1)];
        if (!pace.MayReply())
            return false;

        // A place is taken now that the reply leaves: not while the MTA works on what came before STARTTLS, nor during a delay.
        if (IsHandshakeNext(head, reply.Code) && !state.Session.TryReserveHandshake())
        {
            head.OwnReply = reply = state.Adapt(Replies.TlsNotAvailable);
            rest = reply.Octets.Span;
        }

        state.ClientSide.Write(rest);
        _written += rest.Length;
        if (_written < reply.Octets.Length)
            return true;

        _written = 0;
        Complete(reply.Code, new ReadOnlySequence<byte>(reply.Octets));
        return true;
    }

    private bool TryRelayUpstream()
    {
        var upstream = state.UpstreamSide;
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

        if (state.Pending.Count == 0)
        {
            RelayUnsolicited(reply);
            return true;
        }

        ref var head = ref state.Pending.Head;
        if (!IsPossible(head, reply.Code))
        {
            Desynchronize();
            return true;
        }

        // Not before the kernel has all of the message.
        if (IsMessageReply && reply.Code < 300 && upstream.IsFlushing)
            return false;

        if (head.OwnReply is not null && reply.Code is not (421 or 521))
        {
            upstream.Take(reply.Octets.End);
            head.IsForwarded = false;
            return true;
        }

        if (head.Verb == Verb.Ehlo && reply.Code < 300)
        {
            FilterEhlo(ref head, reply);
            return true;
        }

        if (IsHandshakeNext(head, reply.Code) && HasTalkedBehindStartTls())
            return true;

        // An accepted message clears the client's record before its reply is sent, so that this reply is not delayed any more (smtpd.c, data_cmd).
        if (IsMessageReply && reply.Code < 300)
            state.Errors.Reset();
        if (!pace.MayReply())
            return false;

        ReplyReader.CopyTo(reply, state.ClientSide.Output);
        state.ClientSide.NoteWritten();
        Complete(reply.Code, reply.Octets);
        upstream.Take(reply.Octets.End);
        return true;
    }

    private static bool IsHandshakeNext(in PendingCommand head, int code) => head.Verb == Verb.StartTls && code == 220;

    // Plaintext behind STARTTLS must not be taken for something said inside TLS (CVE-2011-0411).
    private bool HasTalkedBehindStartTls()
    {
        if (state.ClientSide.Received.IsEmpty)
            return false;

        state.End(RelayResult.ClientRefused, Replies.SynchronizationError);
        return true;
    }

    // An MTA that says anything else waits for something the shield does not delimit, or speaks of something it has not got: to pass that on would tell the client what
    // is not true. Content, a chunk or a SASL exchange that is not over can only be refused, and no tunnel opens
    // where STARTTLS is hidden: only with an argument it has reached the MTA.
    private bool IsPossible(in PendingCommand head, int code) => code switch
    {
        >= 400 => true,
        >= 300 => state.Phase is RelayPhase.Commands && !state.AwaitsMessageReply && head.OwnReply is null && (head.Verb, code) is (Verb.Data, 354) or (Verb.Auth, 334),
        220 when head.Verb == Verb.StartTls && state.Discards(Verb.StartTls.Row().Keyword!) => false,
        _ => !IsEarly(head) && head.OwnReply is null,
    };

    private void RelayUnsolicited(in ReplyFrame reply)
    {
        if (reply.Code != 421)
        {
            Desynchronize();
            return;
        }

        ReplyReader.CopyTo(reply, state.ClientSide.Output);
        state.ClientSide.NoteWritten();
        state.End(RelayResult.UpstreamEnded);
    }

    private void FilterEhlo(ref PendingCommand head, in ReplyFrame reply)
    {
        var octets = new ArrayBufferWriter<byte>((int)reply.Octets.Length);
        ReplyReader.CopyTo(reply, octets);
        var filter = new EhloFilter(state.Options.PassEhloKeywords, state.Options.DiscardEhloKeywords, state.Options.Chunking, state.Limits.RecipientLimit)
        {
            PassesStartTls = state.Session.Tls == TlsMode.Passthrough,
            OffersStartTls = state.Session.Tls == TlsMode.Offered && !state.Discards("STARTTLS"),
            PassesAuth = !state.HidesAuth,
            Mechanisms = state.Session.PassedMechanisms,
        };
        EhloReply.Filter(octets.WrittenMemory, filter, out var filtered, out var removed);
        removedKeywords.Report(destination, removed);
        if (EhloKeywords.Describe(state.Options.DiscardEhloKeywords) is { } discarded && state.LogBudget.TryTake())
            RelayLog.EhloKeywordsDiscarded(state.Log, discarded);
        state.OmitsEnhancedCodes = !EhloReply.Offers(octets.WrittenSpan, "ENHANCEDSTATUSCODES"u8);
        state.OffersChunking = EhloReply.Offers(filtered.Span, "CHUNKING"u8);
        head.OwnReply = new(reply.Code, filtered);
        head.IsForwarded = false;
        state.UpstreamSide.Take(reply.Octets.End);
    }

    private void Complete(int code, in ReadOnlySequence<byte> reply)
    {
        var isLogin = state.Pending.Head.Verb == Verb.Auth;
        Conclude(code, reply);

        // Only now, because what others may still spend must not be counted late.
        if (isLogin)
            budgets.EndLogin();
        budgets.NoteCommands();
    }

    // The reply to the oldest command has been written: what follows from it.
    private void Conclude(int code, in ReadOnlySequence<byte> reply)
    {
        _lastCode = code;
        _lastWasSynchronizationError = code == 554 && StartsWith(reply, "554 5.5.0"u8);
        state.ClientActivity = state.Now;
        state.UpstreamActivity = state.Now;

        // What the client had begun to send could not be asked for while it waited for this.
        if (state.LineStart != 0)
            state.LineStart = state.Now;
        ref var head = ref state.Pending.Head;
        if (head.EndsSession)
        {
            state.End(RelayResult.ClientDisconnected);
            return;
        }

        if (code is 421 or 521)
        {
            RefusalLog.Write(state, head, code, IsMessageReply, reply);
            if (code == 521 && head.IsForwarded && state.Counter is { } client)
                CountRefusal(client, head, code);
            state.End(head.IsForwarded ? RelayResult.UpstreamEnded : RelayResult.ClientRefused);
            return;
        }

        if (IsEarly(head))
        {
            // The MTA has judged content it has not got whole; where its reader stands is unknown, so nothing more may follow.
            state.End(RelayResult.UpstreamEnded, head.Verb == Verb.Bdat ? Replies.UpstreamUnavailable(state.Options.MyHostname) : null);
            return;
        }

        if (code is >= 300 and < 400)
        {
            if (head.Verb == Verb.Data)
                content.Start();
            else
                state.Phase = RelayPhase.SaslResponse;

            // The time the MTA took for its challenge is not the client's.
            state.RequestStart = state.Now;
            return;
        }

        // A final reply ends a SASL exchange also when the MTA did not wait for the response it had asked for.
        if (state.Phase is RelayPhase.SaslResponse)
            state.Phase = RelayPhase.Commands;

        if (IsHandshakeNext(head, code) && !head.IsForwarded)
        {
            // Whether STARTTLS has succeeded, the handshake decides.
            state.Session.IsEsmtp = state.Envelope.IsEsmtp;
            state.Pending.RemoveHead();
            state.End(RelayResult.StartTls);
            return;
        }

        var isOvershoot = head.Verb == Verb.Rcpt && code == 452 && (!head.IsForwarded || StartsWith(reply, "452 4.5.3"u8)) && ++_overshoot <= state.Limits.RecipientOvershootLimit;
        var succeeded = code < 400 || isOvershoot;
        Count(head, code, succeeded);
        if (succeeded)
            NoteSuccess(head, code);
        else
            RefusalLog.Write(state, head, code, IsMessageReply, reply);
        if (head.Verb == Verb.Bdat)
            state.Envelope.HasContent = succeeded && !head.IsLastChunk;
        Dequeue(head.Verb, code);
    }

    // The reply to the head acknowledges or refuses a message: the end of mail data or the last chunk is the last command there can be.
    private bool IsMessageReply => state.AwaitsMessageReply && state.Pending.Count == 1;

    private bool IsEarly(in PendingCommand head) =>
        state.Phase is RelayPhase.Content || (IsMessageReply && (state.HoldsMessageEnd || state.UpstreamSide.HasLostOutput)) || (state.Phase is RelayPhase.Chunk && state.Pending.Count == 1 && head.Verb == Verb.Bdat && state.ChunkRemaining > 0 && state.ChunkRefusal is null);

    private void Count(in PendingCommand command, int code, bool succeeded)
    {
        var verb = command.Verb;
        var isUnread = command.IsNotUtf8 && code == 500;
        if (!isUnread && !command.IsBlank)
            state.Statistics.Count(verb == Verb.Help && code is 500 or 502 ? Verb.Unknown : verb, succeeded);
        if (!succeeded)
            state.Errors.CountError();
        if (!isUnread && IsJunk(command, succeeded))
            state.Errors.CountJunkCommand(state.Limits);
        if (!succeeded && command.IsForwarded && state.Counter is { } client)
            CountRefusal(client, command, code);
    }

    // Also what Postfix never takes, where the MTA does: words the shield does not know, HELP, and MAIL inside a transaction, which is RSET and MAIL.
    private bool IsJunk(in PendingCommand command, bool succeeded) => command.Verb.IsJunk() || command.IsEmptyChunk
        || (succeeded && (command.Verb.Has(VerbFlags.JunkIfTaken) || (command.Verb == Verb.Mail && state.Envelope.HasSender)));

    // What the MTA refuses for good is evidence against a client also in its next session; what it asks to try again later, greylisting above all, is none.
    private void CountRefusal(ClientCounter client, in PendingCommand command, int code)
    {
        if (state.Limits.ClientErrorRateLimit > 0 && code is not (450 or 451 or 452))
            client.Count(AnvilEvent.Error);
        if (state.Limits.ClientAuthFailureRateLimit > 0 && command.Verb == Verb.Auth && LoginRefusal.Is(code, command.HasCredentials))
            client.Count(AnvilEvent.AuthFailure);
    }

    private void NoteSuccess(in PendingCommand head, int code)
    {
        if (head.IsNotUtf8)
            state.After = head.Verb.Name();
        switch (head.Verb)
        {
            case Verb.Helo or Verb.Ehlo:
                state.Envelope.SetHelo(state.Envelope.Kept(head), head.Verb == Verb.Ehlo);
                state.Chunks = 0;
                state.ContentLength = 0;
                _overshoot = 0;
                break;
            case Verb.Mail:
                NoteTaken(head, ClientLimits.Message, isUnlikePostfix: head.LacksLabel || state.Envelope.HasSender);
                state.ContentLength = 0;
                state.Envelope.OpenTransaction(state.Envelope.Kept(head));
                _overshoot = 0;
                break;
            case Verb.Rcpt when code < 300:
                NoteTaken(head, ClientLimits.Recipient, isUnlikePostfix: head.LacksLabel || !state.Envelope.HasSender);
                state.Envelope.AddRecipient(state.Envelope.Kept(head));
                if (state.Envelope.Recipients == 1 && state.LogBudget.TryTake())
                    RelayLog.FirstRecipient(state.Log, state.Client.NameAddress);
                break;
            case Verb.Rset:
                state.Envelope.CloseTransaction();
                state.Chunks = 0;
                state.ContentLength = 0;
                _overshoot = 0;
                break;
            case Verb.Bdat when !head.IsLastChunk && state.Pending.Count == 1:
                state.IsAfterChunk = true;
                break;
            case Verb.StartTls when code == 220:
                if (state.Limits.ClientNewTlsSessionRateLimit > 0)
                    state.Counter?.Count(AnvilEvent.NewTlsSession);
                state.Phase = RelayPhase.Tunnel;
                RelayLog.TlsPassthrough(state.Log, state.Client.NameAddress);
                break;
        }
    }

    // What the MTA accepts is a message or a recipient, however it was written.
    private void NoteTaken(in PendingCommand head, ClientLimit limit, bool isUnlikePostfix)
    {
        if (isUnlikePostfix)
            lenientMtas.Add(destination);
        if (!head.IsCounted && limit.IsOn(state.Limits))
            state.Counter?.Count(limit);
    }

    private void Dequeue(Verb verb, int code)
    {
        if (IsMessageReply)
        {
            state.AwaitsMessageReply = false;
            state.ContentLength = 0;
            state.Chunks = 0;
            state.Envelope.CloseTransaction();
        }

        state.Envelope.Forget(state.Pending.Head);
        state.Pending.RemoveHead();
        state.RequestStart = state.Now;

        if (code == 221)
            state.End(verb == Verb.Quit ? RelayResult.ClientQuit : RelayResult.UpstreamEnded);
        else if (state.Errors.IsHard(state.Limits))
            state.End(RelayResult.TooManyErrors, Replies.TooManyErrors(state.Options.MyHostname));
    }

    private static bool StartsWith(in ReadOnlySequence<byte> reply, ReadOnlySpan<byte> prefix)
    {
        if (reply.Length < prefix.Length)
            return false;

        Span<byte> start = stackalloc byte[16];
        reply.Slice(0, prefix.Length).CopyTo(start);
        return start[..prefix.Length].SequenceEqual(prefix);
    }

    private void Desynchronize() => state.End(RelayResult.UpstreamMalformed, Replies.UpstreamUnavailable(state.Options.MyHostname));

    // The MTA has closed. Without a word where one was owed, the client must not take silence for success; behind a farewell the close belongs to it.
    private void Lose()
    {
        if (state.Pending.Count > 0 && state.Pending.Head.Verb == Verb.Quit)
        {
            state.Pending.Head.OwnReply = state.Adapt(Replies.Bye);
            state.Pending.Head.IsForwarded = false;
        }
        else if (state.Pending.Count == 0 && (_lastCode is 221 or 421 or 521 || _lastWasSynchronizationError))
        {
            state.End(RelayResult.UpstreamEnded);
        }
        else
        {
            state.End(RelayResult.UpstreamLost, Replies.UpstreamUnavailable(state.Options.MyHostname));
        }
    }
}
