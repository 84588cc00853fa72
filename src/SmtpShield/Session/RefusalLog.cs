using System.Buffers;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// Logs what the MTA refuses, and of messages also what it accepts, in the lines Postfix would have for it. Postfix logs what its restrictions refuse, not
/// syntax and sequence errors: those have codes of their own, or say "Error:" or "Syntax:".
/// </summary>
internal static class RefusalLog
{
    private const int LongestReplyLogged = 200 + Transaction.LongestWords;
    private const int LongestEtrnLogged = 100;

    /// <summary>Logs a refusal, unless the shield refused itself or the session has logged enough.</summary>
    /// <param name="session">The session.</param>
    /// <param name="head">The command.</param>
    /// <param name="code">The reply code.</param>
    /// <param name="isMessageReply">Whether a whole message was refused, not the command.</param>
    /// <param name="reply">The whole reply.</param>
    public static void Write(SmtpSession session, in PendingCommand head, int code, bool isMessageReply, in ReadOnlySequence<byte> reply)
    {
        if (!head.IsMtas)
            return;

        // A last chunk without a recipient is no message.
        isMessageReply &= session.Transaction.Recipients > 0 || head.Verb == Verb.Data;
        var text = FirstLine(reply);
        if (!IsLogged(head, code, isMessageReply, text) || !session.MayLog())
            return;

        var kept = session.Transaction.WordsOf(head.Kept);
        switch (head.Verb)
        {
            case Verb.Auth:
                RelayLog.AuthenticationFailed(session.Log, session.Identity.NameAddress, ClientText.Escape(kept), SaslFailure.ReasonIn(text));
                break;
            case Verb.Data or Verb.Bdat when isMessageReply:
                RelayLog.MessageRejected(session.Log, Quote(text), DescribeEnvelope(session, session.Transaction.FirstRecipient));
                break;
            case Verb.Mail:
                RelayLog.Rejected(session.Log, head.Verb.Name(), session.Identity.NameAddress, Quote(text),
                    session.Transaction.Describe(kept, default, hasSender: true));
                break;
            case Verb.Rcpt or Verb.Vrfy:
                RelayLog.Rejected(session.Log, head.Verb.Name(), session.Identity.NameAddress, Quote(text), DescribeEnvelope(session, kept));
                break;
            case Verb.Etrn:
                RelayLog.EtrnRejected(session.Log, ClientText.Escape(kept, LongestEtrnLogged), session.Identity.NameAddress);
                break;
            // Of several recipients none is the one that was refused (smtpd_check.c, smtpd_check_data).
            case Verb.Data or Verb.Bdat when session.Transaction.Recipients > 1:
                RelayLog.Rejected(session.Log, head.Verb.Name(), session.Identity.NameAddress, Quote(text), DescribeEnvelope(session, default));
                break;
            default:
                RelayLog.Rejected(session.Log, head.Verb.Name(), session.Identity.NameAddress, Quote(text),
                    DescribeEnvelope(session, session.Transaction.FirstRecipient));
                break;
        }
    }

    /// <summary>Logs that the MTA has accepted a message.</summary>
    /// <param name="session">The session, the message's transaction still open.</param>
    /// <param name="reply">The whole reply.</param>
    public static void WriteAccepted(SmtpSession session, in ReadOnlySequence<byte> reply) => RelayLog.MessageAccepted(
        session.Log, session.Identity.NameAddress, Quote(FirstLine(reply)), DescribeEnvelope(session, session.Transaction.FirstRecipient));

    private static bool IsLogged(in PendingCommand head, int code, bool isMessageReply, ReadOnlySpan<byte> text) => head.Verb switch
    {
        Verb.Auth => LoginRefusal.Is(code, head.HasCredentials),
        Verb.Data or Verb.Bdat when isMessageReply => true,
        _ when head.Verb.Has(VerbFlags.Restricted) => !(code is (>= 500 and <= 504) or 555) && !IsSyntaxOrSequence(text),
        _ => false,
    };

    private static string DescribeEnvelope(SmtpSession session, ReadOnlySpan<byte> recipient) =>
        session.Transaction.Describe(session.Transaction.Sender, recipient, session.Transaction.HasSender);

    private static string Quote(ReadOnlySpan<byte> text) => ClientText.Escape(text, LongestReplyLogged);

    private static bool IsSyntaxOrSequence(ReadOnlySpan<byte> text)
    {
        var words = text.Length > 4 ? text[4..] : default;
        var blank = words.IndexOf((byte)' ');
        if (blank > 0 && words[..blank].IndexOf((byte)'.') >= 0)
            words = words[(blank + 1)..];
        return words.StartsWith("Error:"u8) || words.StartsWith("Syntax:"u8);
    }

    private static ReadOnlySpan<byte> FirstLine(in ReadOnlySequence<byte> reply)
    {
        ReadOnlySpan<byte> text = reply.Length > ProtocolLimits.ReplyLine ? reply.Slice(0, ProtocolLimits.ReplyLine).ToArray() : reply.ToArray();
        var end = text.IndexOfAny((byte)'\r', (byte)'\n');
        return end < 0 ? text : text[..end];
    }
}
