using SmtpShield.Hosting;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>What ends a session when nothing in it moves any more: its client is done, the program stops, memory is short, or something is late.</summary>
internal sealed class SessionWatch(SmtpSession session, Greeting greeting, ConnectionDrain drain, OpenSession open)
{
    /// <summary>Ends the session if it has to end.</summary>
    public void Look()
    {
        if (IsClientDone())
            session.End(session.Client.Departure);
        else if (drain.Draining.IsCancellationRequested)
            Drain();
        else if (open.Request is not SessionRequest.None and var request)
            LeavePlace(request);
        if (!session.HasEnded)
            LookForTimeout();
    }

    /// <summary>Where the session stands.</summary>
    public SessionStanding Standing => new()
    {
        Phase = session.Dialogue.Phase,
        State = State,
        After = session.Dialogue.After,
        Mta = session.Mta.State,
        Destination = session.Mta.Destination,
        Rank = Rank,
        IsClientsTurn = IsClientsTurn,
        Held = session.Client.Buffered + session.Mta.Buffered,
        Errors = session.Errors.Errors,
        JunkCommands = session.Errors.JunkCommands,
        Recipients = session.Transaction.Recipients,
        Progress = session.Client.RequestSince,
    };

    private SessionState State =>
        !greeting.IsOver ? SessionState.Greeting
        : session.Dialogue.Phase is DialoguePhase.Tunnel ? SessionState.Tunnel
        : session.Mta.HoldsCommand ? SessionState.Waiting
        : session.Client.Pace.DelayedUntil != 0 ? SessionState.Delayed
        : session.Dialogue.Phase is DialoguePhase.Content or DialoguePhase.Chunk or DialoguePhase.RefusedContent
            || session.Dialogue.AwaitsMessageReply || session.Transaction.HasContent ? SessionState.Content
        : SessionState.Command;

    private SheddingRank Rank
    {
        get
        {
            var phase = session.Dialogue.Phase;
            if (!greeting.IsOver || session.HasEnded || session.Dialogue.AwaitsMessageReply || (phase is DialoguePhase.Tunnel && session.Client.Tunnelled > 0))
                return SheddingRank.Kept;
            if (phase is DialoguePhase.Content or DialoguePhase.Chunk or DialoguePhase.RefusedContent || session.Transaction.HasContent)
                return SheddingRank.Content;
            return session.IsBusy ? SheddingRank.Transaction : SheddingRank.Idle;
        }
    }

    // A client that has closed its side may still read: complete commands are answered, an incomplete line or message is dropped (RFC 9293 section 3.6).
    // One whose replies can't be sent any more is gone; what the MTA owes it is read all the same.
    // What waits for a session with the MTA waits no longer than its client.
    private bool IsClientDone() => (session.Client.IsReceiveEnded || session.Client.IsBroken) && session.Dialogue.Phase switch
    {
        DialoguePhase.Commands when session.Mta is { HoldsCommand: true, TriesHeld: false } && session.Dialogue.Owed == 1 => session.Client.IsBroken,
        DialoguePhase.Commands => session.Dialogue.Owed == 0 && !session.Mta.IsFlushing && !session.Client.IsFlushing,
        DialoguePhase.SaslResponse => true,
        DialoguePhase.Content => !session.Mta.IsFlushing,
        DialoguePhase.Chunk => !session.Mta.IsFlushing && !OwesRepliesBeforeChunk,
        _ => false,
    };

    // Commands before the chunk of a BDAT, which has its own place among them unless it is refused.
    private bool OwesRepliesBeforeChunk => session.Dialogue.Owed > (session.Transaction.ChunkRefusal is null ? 1 : 0);

    private void Drain()
    {
        if (!session.IsBusy || session.Mta is { HoldsCommand: true, TriesHeld: false })
            session.End(SessionEndReason.Shutdown, Replies.ServiceNotAvailable(session.Options.MyHostname));
        else if (drain.Deadline.IsCancellationRequested)
            session.End(SessionEndReason.Shutdown, session.Dialogue.AwaitsMessageReply ? null : Replies.ServiceNotAvailable(session.Options.MyHostname));
    }

    private bool IsClientsTurn => greeting.IsOver && !session.HasEnded && session.Dialogue.Phase is DialoguePhase.Commands && !session.Transaction.HasContent
        && Deadlines.IsClientsTurn(session);

    private void LeavePlace(SessionRequest request)
    {
        if (request is SessionRequest.Memory)
            Shed();
        else if (IsClientsTurn && session.Client.Received.IsEmpty)
            session.End(SessionEndReason.ClientTimeout, Replies.TimeoutExceeded(session.Options.MyHostname));
        else
            open.Decline();
    }

    // What a session is asked for want of memory, it does where it loses no message: the MTA's verdict on one is waited for, and a
    // tunnel may have one under way.
    private void Shed()
    {
        if (Rank is SheddingRank.Kept)
            open.Decline();
        else
            session.End(SessionEndReason.Shed, Replies.ServiceNotAvailable(session.Options.MyHostname));
    }

    // The clock may be far ahead of the sockets, when the process stood still: who has answered meanwhile was in time.
    private void LookForTimeout()
    {
        if (Deadlines.Expired(session) is not { } late || session.Client.HasNews || session.Mta.HasNews)
            return;

        if (late.Ends == SessionEndReason.ClientStalled && !session.Client.IsBroken)
        {
            session.Client.GiveUp();
            return;
        }

        if (late.Rule?.Invoke(session) is { } rule)
            session.Metrics.NoteLimitHit(rule);
        session.End(late.Ends == SessionEndReason.ClientLost ? session.Leaving : late.Ends, late.Reply?.Invoke(session.Options.MyHostname));
    }
}
