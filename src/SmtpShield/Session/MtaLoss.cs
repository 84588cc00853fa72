using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>The MTA has closed, or said what nobody can relay: the session ends, unless it can go on without that MTA.</summary>
internal static class MtaLoss
{
    /// <summary>
    /// The MTA has closed. Without a word where one was owed, the client must not take silence for success; behind a farewell the close belongs to it.
    /// </summary>
    public static void NoteClosed(SmtpSession session)
    {
        if (session.Dialogue.IsNext(Verb.Quit))
            session.Dialogue.Oldest.AnswerHere(session.Adapt(Replies.Bye));
        else if (session.Dialogue.Owed == 0 && !session.Mta.HasSaidFarewell && CanDoWithout(session))
            session.Mta.Lose();
        else if (session.Dialogue.Owed == 0 && session.Mta.HasSaidFarewell)
            session.End(SessionEndReason.UpstreamEnded);
        else
            EndUnanswered(session);
    }

    /// <summary>The MTA has closed, and owed a reply.</summary>
    public static void EndUnanswered(SmtpSession session) =>
        session.End(SessionEndReason.UpstreamLost, Replies.UpstreamUnavailable(session.Options.MyHostname));

    /// <summary>The MTA has said what is no reply, or none to what it was told.</summary>
    public static void Desynchronize(SmtpSession session) =>
        session.End(SessionEndReason.UpstreamMalformed, Replies.UpstreamUnavailable(session.Options.MyHostname));

    /// <summary>The MTA has said something that nobody has asked for.</summary>
    /// <param name="session">The session.</param>
    /// <param name="reply">What; still on its leg.</param>
    public static void NoteUnsolicited(SmtpSession session, in ReplyFrame reply)
    {
        if (reply.Code != 421)
        {
            Desynchronize(session);
            return;
        }

        // Of a session that its client does not need, an MTA that stops or has waited too long is no loss. Anything else may be the MTA's own limit.
        if (CanDoWithout(session) && (reply.Octets.StartsWith("421 4.4.2"u8) || reply.Octets.StartsWith("421 4.3.2"u8)))
        {
            session.Mta.Lose();
            return;
        }

        session.Client.Write(reply);
        session.End(SessionEndReason.UpstreamEnded);
    }

    private static bool CanDoWithout(SmtpSession session) =>
        session.Context.IsLate && session is { IsMtaDispensable: true, Mta: { HasRefused: false, Profile.Offer: not null } };
}
