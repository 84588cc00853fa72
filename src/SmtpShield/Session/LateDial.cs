using SmtpShield.Mta;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// Brings a command to an MTA that has no session with the client yet, or none any more: dials, says the client's HELO again, and
/// MAIL if a transaction is open, and then the command. Nothing else is ever said twice. What the MTA says instead of what it promised becomes the
/// command's reply, or the session ends.
/// </summary>
internal sealed class LateDial(SmtpSession session, CommandGate gate, EhloAnswers ehlo)
{
    private MtaReplyReader _reader;
    private bool _hasDialedAgain;
    private bool _hasTriedInVain;

    /// <summary>Goes on if it can.</summary>
    /// <returns>Whether anything has moved.</returns>
    public bool Pump()
    {
        if (session.HasEnded || !session.Mta.HoldsCommand)
            return false;

        switch (session.Mta.State)
        {
            case MtaLegState.None:
                session.Mta.Dial(gate.PermitReplay(), session.Transaction.HasHelo ? session.Transaction.HeloLine : default, MayReuse);
                return true;
            case MtaLegState.Dialing when session.Mta.TryFinishDial(out var dial):
                NoteDial(dial);
                return true;
            case MtaLegState.Ready when session.Mta.ReplayingSince is not null:
                return ReadReplayedReply();
            case MtaLegState.Ready when session.Mta.TriesHeld:
                return ReadFirstReply();
            default:
                return false;
        }
    }

    // A message begins: what else needs the MTA is not of those commands behind which a session is left to others.
    private bool MayReuse => !_hasTriedInVain && !_hasDialedAgain && !session.Transaction.HasSender && session.Dialogue.Newest.Verb == Verb.Mail;

    private void NoteDial(UpstreamDialResult? dial)
    {
        if (dial is not { } result)
            session.End(SessionEndReason.Shutdown, Replies.ServiceNotAvailable(session.Options.MyHostname));
        else if (result is { Connection: null, QueueTimedOut: true })
            Postpone(result);
        else
            session.NoteDial(result);
        if (!session.HasEnded && session.Mta.State is MtaLegState.Ready)
            NoteGreeting();
    }

    // There was no room at the MTA, which is nobody's error. The session goes on, and its next command waits anew.
    private void Postpone(in UpstreamDialResult result)
    {
        session.LogFailures(result);
        DropHeld();
        session.Mta.Forgo();
        session.Dialogue.PostponeNewest(session.Adapt(session.Dialogue.Newest.Verb switch
        {
            Verb.Auth => Replies.TemporaryAuthenticationFailure,
            Verb.StartTls => Replies.TlsNotAvailable,
            _ => Replies.ServerBusy(session.Options.MyHostname),
        }));
    }

    private void NoteGreeting()
    {
        var code = GreetingRelay.Take(session, out var greeting);
        if (code != 220)
            AnswerInstead(new(code, greeting.ToArray()));
        else if (session.Mta.HelloReply is not { } hello || MayGoOn(hello))
            GoOn();
    }

    // What the client was told holds, or it is told nothing more.
    private bool MayGoOn(in UpstreamReply hello)
    {
        var isEhlo = session.Transaction.SaidEhlo;
        if (isEhlo && hello.Code is 500 or 502)
        {
            session.Memory.Forget(session.Mta.Destination);
            EndUnkept("EHLO");
            return false;
        }

        if (hello.Code >= 300)
        {
            session.Transaction.ForgetHelo();
            AnswerInstead(new(hello.Code, hello.Text));
            return false;
        }

        if (!isEhlo)
            return true;

        var offer = session.Memory.NoteEhlo(session.Mta.Destination, hello.Text);
        switch (offer.GapTo(ehlo.Told(session.Mta.Profile.Offer!), out var missing))
        {
            case OfferGap.Vital:
                EndUnkept(missing);
                return false;
            case OfferGap.Pipelining:
                session.Mta.NoteLockStep();
                return true;
            default:
                return true;
        }
    }

    private void EndUnkept(string missing)
    {
        RelayLog.OffersLess(session.Log, session.Mta.Destination, missing, session.Identity.NameAddress);
        session.End(SessionEndReason.NoUpstream, Replies.UpstreamUnavailable(session.Options.MyHostname));
    }

    // An MTA that has gone with its last reply has not been told the command: once another one is, and the client hears nothing of it.
    private void GoOn()
    {
        session.Mta.Look();
        if (!_hasDialedAgain && session.Mta is { IsReceiveEnded: true, Received.IsEmpty: true })
        {
            _hasDialedAgain = true;
            session.Mta.Lose();
            return;
        }

        _hasDialedAgain = _hasTriedInVain = false;
        if (session.Mta.IsUntried)
            session.Mta.TryHeld();
        else if (session.Transaction.HasSender)
            session.Mta.Replay(gate.PermitReplay(), session.Transaction.SenderLine);
        else
            session.Mta.SendHeld();
    }

    private bool ReadReplayedReply()
    {
        switch (_reader.TryRead(session.Mta, out var reply))
        {
            case MtaReplyStatus.Awaited:
                return false;
            case MtaReplyStatus.Lost:
                MtaLoss.EndUnanswered(session);
                return true;
            case MtaReplyStatus.Malformed:
                MtaLoss.Desynchronize(session);
                return true;
        }

        var kept = MtaReplyReader.Keep(reply);
        session.Mta.Take(reply.Octets.End);
        session.Mta.Career?.NoteReply(Verb.Mail, kept.Code, isOfMessage: false);
        if (kept.Code is >= 200 and < 300)
        {
            session.Mta.SendHeld();
            return true;
        }

        // The transaction is over on both sides.
        session.Transaction.Reset();
        AnswerInstead(kept);
        return true;
    }

    // Of a session that was another client's, and nothing was said in for this one: that the MTA has closed it is no loss. Nothing of this client's has been
    // answered, so nothing is said twice that counts.
    private bool ReadFirstReply()
    {
        var status = _reader.TryRead(session.Mta, out var reply);
        if (status is MtaReplyStatus.Awaited)
            return false;

        if (status is MtaReplyStatus.Lost || (status is MtaReplyStatus.Complete && reply.Code == 421))
        {
            _reader = default;
            _hasTriedInVain = true;
            session.Mta.Lose();
            return true;
        }

        if (status is MtaReplyStatus.Malformed || reply.Code is >= 300 and < 400)
        {
            MtaLoss.Desynchronize(session);
            return true;
        }

        var answer = MtaReplyReader.Keep(reply);
        session.Mta.Take(reply.Octets.End);
        session.Mta.Career?.NoteReply(session.Dialogue.Newest.Verb, answer.Code, isOfMessage: false);
        AnswerInstead(answer);
        return true;
    }

    private void DropHeld()
    {
        session.Mta.DropHeld();
        _hasDialedAgain = _hasTriedInVain = false;
    }

    private void AnswerInstead(Reply reply)
    {
        DropHeld();
        session.Dialogue.AnswerNewest(reply);
    }
}
