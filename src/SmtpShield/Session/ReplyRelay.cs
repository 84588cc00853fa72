using System.Buffers;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// MTA to client: reads whole replies, books each on the oldest command without one, and relays it when its turn and its delay allow. What follows from it is
/// in <see cref="ReplyEffects"/>, what from none in <see cref="MtaLoss"/>.
/// </summary>
internal sealed class ReplyRelay(SmtpSession session, ReplyEffects effects, EhloAnswers ehlo, MtaAnswers answers)
{
    private MtaReplyReader _reader;
    private int _written;

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

    private bool TryRelayOwn()
    {
        ref var head = ref session.Dialogue.Oldest;
        var reply = head.OwnReply!;
        if (head.BeginsHandshake(reply.Code) && HasTalkedBehindStartTls())
            return true;

        var rest = reply.Octets.Span[_written..];

        // Postfix writes each line of its EHLO reply as a reply of its own, so each one is delayed (smtpd.c, ehlo_cmd).
        if (head.Verb == Verb.Ehlo && reply.Code < 400)
            rest = rest[..(rest.IndexOf((byte)'\n') + 1)];
        if (!session.Client.Pace.MayReply())
            return false;

        // A place is taken now that the reply leaves: not while the MTA works on what came before STARTTLS, nor during a delay.
        if (head.BeginsHandshake(reply.Code) && !session.Context.TryReserveHandshake())
        {
            head.Replace(reply = session.Adapt(Replies.TlsNotAvailable));
            rest = reply.Octets.Span;
        }

        session.Client.Write(rest);
        _written += rest.Length;
        if (_written < reply.Octets.Length)
            return true;

        _written = 0;
        effects.Complete(reply.Code, new ReadOnlySequence<byte>(reply.Octets));
        return true;
    }

    private bool TryRelayUpstream()
    {
        var upstream = session.Mta;
        switch (_reader.TryRead(upstream, out var reply))
        {
            case MtaReplyStatus.Awaited:
                NeedsInput = true;
                return false;
            case MtaReplyStatus.Lost:
                MtaLoss.NoteClosed(session);
                return true;
            case MtaReplyStatus.Malformed:
                MtaLoss.Desynchronize(session);
                return true;
        }

        if (session.Dialogue.Owed == 0)
        {
            MtaLoss.NoteUnsolicited(session, reply);
            return true;
        }

        ref var head = ref session.Dialogue.Oldest;
        if (!IsPossible(head, reply.Code))
        {
            MtaLoss.Desynchronize(session);
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

        if (head.BeginsHandshake(reply.Code) && HasTalkedBehindStartTls())
            return true;

        // An accepted message clears the client's record before its reply is sent, so that this reply is not delayed any more (smtpd.c, data_cmd).
        if (session.Dialogue.IsMessageReplyNext && reply.Code < 300)
        {
            session.Errors.Reset();
            session.Context.Shadow?.ForgiveErrors();
            session.Context.Connection.Lines.NoteDelivered();
        }

        if (!session.Client.Pace.MayReply())
        {
            if (reply.Code >= 400 && reply.Code is not (421 or 521) && session.Dialogue is { Phase: DialoguePhase.Commands, AwaitsMessageReply: false })
                TakeOver(ref head, reply);
            return false;
        }

        session.Client.Write(reply);
        effects.Complete(reply.Code, reply.Octets);
        Take(reply);
        return true;
    }

    // A refusal that waits for its time is kept here: the MTA has done its part, and may serve somebody else meanwhile.
    private void TakeOver(ref PendingCommand head, in ReplyFrame reply)
    {
        head.AnswerForMta(MtaReplyReader.Keep(reply));
        Take(reply);
    }

    private void Take(in ReplyFrame reply)
    {
        session.Mta.Take(reply.Octets.End);
        answers.NoteTaken();
    }

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
        _ => !EarlyVerdict.IsNext(session, head) && head.OwnReply is null,
    };

    private void RelayEhlo(ref PendingCommand head, in ReplyFrame reply)
    {
        head.AnswerHere(ehlo.Relay(reply.Code, MtaReplyReader.Keep(reply).Octets));
        Take(reply);
    }
}
