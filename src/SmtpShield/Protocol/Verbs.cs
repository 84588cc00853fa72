using System.Text;

namespace SmtpShield.Protocol;

/// <summary>What follows from a command's verb alone.</summary>
internal static class Verbs
{
    private static readonly string[] Names =
        ["HELO", "EHLO", "XCLIENT", "XFORWARD", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "VRFY", "ETRN", "QUIT", "HELP", "UNKNOWN"];

    /// <summary>The verb's name in log lines, as in <c>lost connection after RCPT</c>.</summary>
    public static string Name(this Verb verb) => Names[(int)verb];

    /// <summary>Finds the verb of a command line's first word, in any case (RFC 5321 section 2.4).</summary>
    public static Verb Parse(ReadOnlySpan<byte> word)
    {
        // Four letters for most: compare as one block before walking the rarely used long ones.
        switch (word.Length)
        {
            case 4:
                return Is(word, "RCPT"u8) ? Verb.Rcpt
                    : Is(word, "MAIL"u8) ? Verb.Mail
                    : Is(word, "DATA"u8) ? Verb.Data
                    : Is(word, "EHLO"u8) ? Verb.Ehlo
                    : Is(word, "QUIT"u8) ? Verb.Quit
                    : Is(word, "RSET"u8) ? Verb.Rset
                    : Is(word, "HELO"u8) ? Verb.Helo
                    : Is(word, "NOOP"u8) ? Verb.Noop
                    : Is(word, "BDAT"u8) ? Verb.Bdat
                    : Is(word, "AUTH"u8) ? Verb.Auth
                    : Is(word, "VRFY"u8) ? Verb.Vrfy
                    : Is(word, "ETRN"u8) ? Verb.Etrn
                    : Is(word, "HELP"u8) ? Verb.Help
                    : Verb.Unknown;
            case 7:
                return Is(word, "XCLIENT"u8) ? Verb.Xclient : Verb.Unknown;
            case 8:
                return Is(word, "STARTTLS"u8) ? Verb.StartTls : Is(word, "XFORWARD"u8) ? Verb.Xforward : Verb.Unknown;
            default:
                return Verb.Unknown;
        }
    }

    /// <summary>Whether input behind the command must wait for its reply: all but those RFC 2920 section 3.1 lets stand inside a pipelined group.</summary>
    /// <remarks>BDAT is a barrier only with LAST (RFC 3030 section 2), which its argument decides.</remarks>
    public static bool EndsGroup(this Verb verb) => verb is not (Verb.Mail or Verb.Rcpt or Verb.Rset or Verb.Bdat);

    /// <summary>Whether the command is limited by <c>smtpd_junk_command_limit</c> (smtpd.c, <c>SMTPD_CMD_FLAG_LIMIT</c>).</summary>
    public static bool IsJunk(this Verb verb) => verb is Verb.Helo or Verb.Ehlo or Verb.Rset or Verb.Noop or Verb.Vrfy or Verb.Etrn;

    private static bool Is(ReadOnlySpan<byte> word, ReadOnlySpan<byte> name) => Ascii.EqualsIgnoreCase(word, name);
}
