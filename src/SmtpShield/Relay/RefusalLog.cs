using System.Buffers;
using SmtpShield.Protocol;
using SmtpShield.Telemetry;

namespace SmtpShield.Relay;

/// <summary>
/// Logs what the MTA refuses, in the lines Postfix would have for it. Postfix logs what its restrictions refuse, not syntax and sequence errors: those have codes of their own,
/// or say "Error:" or "Syntax:".
/// </summary>
internal static class RefusalLog
{
    private const int LongestReplyLogged = 200 + EnvelopeText.Longest;
    private const int LongestEtrnLogged = 100;

    /// <summary>Logs a refusal, unless the shield refused itself or the session has logged enough.</summary>
    /// <param name="state">The session.</param>
    /// <param name="head">The command.</param>
    /// <param name="code">The reply code.</param>
    /// <param name="isMessageReply">Whether a whole message was refused, not the command.</param>
    /// <param name="reply">The whole reply.</param>
    public static void Write(RelayState state, in PendingCommand head, int code, bool isMessageReply, in ReadOnlySequence<byte> reply)
    {
        if (!head.IsForwarded)
            return;

        // A last chunk without a recipient is no message.
        isMessageReply &= state.Envelope.Recipients > 0 || head.Verb == Verb.Data;
        var text = FirstLine(reply);
        if (!IsLogged(head, code, isMessageReply, text) || !state.LogBudget.TryTake())
            return;

        var kept = state.Envelope.Kept(head);
        switch (head.Verb)
        {
            case Verb.Auth:
                RelayLog.AuthenticationFailed(state.Log, state.Client.NameAddress, ClientText.Escape(kept), SaslFailure.ReasonIn(text));
                break;
            case Verb.Data or Verb.Bdat when isMessageReply:
                RelayLog.MessageRejected(state.Log, Quote(text), DescribeEnvelope(state, state.Envelope.FirstRecipient));
                break;
            case Verb.Mail:
                RelayLog.Rejected(state.Log, head.Verb.Name(), state.Client.NameAddress, Quote(text), state.Envelope.Describe(kept, default, hasSender: true));
                break;
            case Verb.Rcpt or Verb.Vrfy:
                RelayLog.Rejected(state.Log, head.Verb.Name(), state.Client.NameAddress, Quote(text), DescribeEnvelope(state, kept));
                break;
            case Verb.Etrn:
                RelayLog.EtrnRejected(state.Log, ClientText.Escape(kept, LongestEtrnLogged), state.Client.NameAddress);
                break;
            // Of several recipients none is the one that was refused (smtpd_check.c, smtpd_check_data).
            case Verb.Data or Verb.Bdat when state.Envelope.Recipients > 1:
                RelayLog.Rejected(state.Log, head.Verb.Name(), state.Client.NameAddress, Quote(text), DescribeEnvelope(state, default));
                break;
            default:
                RelayLog.Rejected(state.Log, head.Verb.Name(), state.Client.NameAddress, Quote(text), DescribeEnvelope(state, state.Envelope.FirstRecipient));
                break;
        }
    }

    private static bool IsLogged(in PendingCommand head, int code, bool isMessageReply, ReadOnlySpan<byte> text) => head.Verb switch
    {
        Verb.Auth => LoginRefusal.Is(code, head.HasCredentials),
        Verb.Data or Verb.Bdat when isMessageReply => true,
        _ when head.Verb.Has(VerbFlags.Restricted) => !(code is (>= 500 and <= 504) or 555) && !IsSyntaxOrSequence(text),
        _ => false,
    };

    private static string DescribeEnvelope(RelayState state, ReadOnlySpan<byte> recipient) => state.Envelope.Describe(state.Envelope.Sender, recipient, state.Envelope.HasSender);

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
