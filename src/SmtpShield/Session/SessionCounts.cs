using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>What the metrics hear of a session's replies, and of what never gets one.</summary>
/// <param name="session">The session.</param>
internal sealed class SessionCounts(SmtpSession session)
{
    // The oldest command has been counted, and stands there still.
    private bool _isOldestCounted;

    /// <summary>The reply to the oldest command has been written.</summary>
    public void NoteReply(in PendingCommand command, int code)
    {
        if (code is >= 300 and < 400)
            return;

        _isOldestCounted = true;
        session.Metrics.NoteCommand(command.Verb, code);
        if (command.Verb == Verb.Rcpt)
            session.Metrics.NoteRecipient(code);
        if (session.Dialogue.IsMessageReplyNext)
            session.Metrics.NoteMessage(code, session.Transaction.ContentLength);
    }

    /// <summary>That command is not the oldest any more.</summary>
    public void NoteSettled() => _isOldestCounted = false;

    /// <summary>The session is over.</summary>
    public void NoteEnd()
    {
        var dialogue = session.Dialogue;
        var isAnswered = _isOldestCounted && dialogue.Owed > 0;
        var recipients = dialogue.OwedRecipients - (isAnswered && dialogue.Oldest is { Verb: Verb.Rcpt, IsMtas: true } ? 1 : 0);
        if (recipients > 0)
            session.Metrics.NoteRecipientsAborted(recipients);
        if (IsMessageUnderWay && !(isAnswered && dialogue.IsMessageReplyNext))
            session.Metrics.NoteMessageAborted();
    }

    private bool IsMessageUnderWay => session.Dialogue.AwaitsMessageReply || session.Transaction.HasContent
        || session.Dialogue.Phase is DialoguePhase.Content or DialoguePhase.RefusedContent
        || (session.Dialogue.Phase is DialoguePhase.Chunk && session.Transaction.ChunkRefusal is null);
}
