using System.Text;
using System.Text.Unicode;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// Answers in the MTA's place while there is no session with it: what an MTA says to a command that can't lead anywhere, in Postfix's words (smtpd.c), and by
/// what is known of it. What only the MTA can decide (MAIL above all, whose 250 is always its own) is not answered: it needs a session.
/// </summary>
internal sealed class StandIn(SmtpSession session, EhloAnswers ehlo)
{
    /// <summary>The reply in the MTA's place; null: the command needs the MTA.</summary>
    /// <param name="command">The command, judged and let through.</param>
    /// <param name="line">Its whole line.</param>
    public Reply? ReplyTo(in CommandLine command, ReadOnlySpan<byte> line)
    {
        if (session.Mta.Profile.Offer is not { } offer)
            return null;

        // What an MTA makes of such a verb's argument only it knows.
        if (!Utf8.IsValid(line) && offer.Offers("SMTPUTF8"))
            return command.Verb == Verb.Mail ? null : Replies.BadUtf8Syntax;

        return command.Verb switch
        {
            Verb.Ehlo => command.Argument.IsEmpty ? Replies.EhloSyntax : ehlo.StandIn(offer),
            Verb.Helo => command.Argument.IsEmpty ? Replies.HeloSyntax : HeloReply(offer),
            Verb.Noop => Replies.Ok,
            Verb.Rset => command.Argument.IsEmpty ? Replies.Ok : Replies.RsetSyntax,
            Verb.Quit => Replies.Bye,
            Verb.Help => session.Memory.RecallHelp(),
            Verb.Vrfy => offer.Offers("VRFY") ? null : Replies.VrfyDisabled,
            Verb.Etrn => offer.Offers("ETRN") ? null : Replies.NotRecognized,
            Verb.Auth => offer.Offers("AUTH") ? null : Replies.AuthenticationNotEnabled,
            Verb.Rcpt => session.Transaction.HasSender ? null : Replies.NeedMail,
            Verb.Data or Verb.Bdat => session.Transaction.HasSender ? Replies.NoValidRecipients : Replies.NeedRecipient,
            Verb.Unknown => ReplyToUnknown(command, offer),
            _ => null,
        };
    }

    private static Reply HeloReply(EhloOffer offer) => new(250, Encoding.Latin1.GetBytes($"250 {offer.FirstWord}\r\n"));

    // A word that is passed on by shield_pass_ehlo_keywords, and EXPN, may be one of the MTA's.
    private Reply? ReplyToUnknown(in CommandLine command, EhloOffer offer)
    {
        if (command.Word.IsEmpty)
            return Replies.BadSyntax;
        if (System.Text.Ascii.EqualsIgnoreCase(command.Word, "EXPN") && offer.Offers("EXPN"))
            return null;

        foreach (var word in session.Options.PassEhloKeywords)
        {
            if (System.Text.Ascii.EqualsIgnoreCase(command.Word, word))
                return null;
        }

        return Replies.NotRecognized;
    }
}
