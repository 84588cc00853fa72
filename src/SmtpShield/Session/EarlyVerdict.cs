using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>A reply to content that the MTA has not got whole: where its reader stands is unknown then, and nothing is acknowledged.</summary>
internal static class EarlyVerdict
{
    /// <summary>Whether the next reply of the MTA's would be one.</summary>
    /// <param name="session">The session.</param>
    /// <param name="head">The oldest command without a reply.</param>
    public static bool IsNext(SmtpSession session, in PendingCommand head) =>
        session.Dialogue.Phase is DialoguePhase.Content || (session.Dialogue.IsMessageReplyNext && (session.Mta.HoldsMessageEnd || session.Mta.HasLostOutput))
        || (session.Dialogue.Phase is DialoguePhase.Chunk && session.Dialogue.Owed == 1 && head.Verb == Verb.Bdat && session.Transaction.ChunkRemaining > 0
            && session.Transaction.ChunkRefusal is null);
}
