using System.Text;

namespace SmtpShield.Protocol;

/// <summary>
/// Verbs that never reach the MTA: they rewrite who the client is, carry data the shield does not delimit, begin a transaction by
/// another name, or change how many replies follow.
/// </summary>
internal static class RefusedVerbs
{
    /// <summary>The reply to a refused verb; null for every other one.</summary>
    public static Reply? ReplyTo(in CommandLine command) =>
        command.Verb.Has(VerbFlags.NotForwarded) ? Replies.InsufficientAuthorization
        : command.Verb is Verb.Unknown ? ReplyToWord(command.Word)
        : null;

    /// <summary>
    /// Whether a line's first word is a method of HTTP that Postfix's <c>smtpd_forbidden_commands</c> does not have: a browser must not be made to speak SMTP.
    /// </summary>
    public static bool IsHttp(ReadOnlySpan<byte> word) =>
        Is(word, "HEAD"u8) || Is(word, "PUT"u8) || Is(word, "DELETE"u8) || Is(word, "OPTIONS"u8) || Is(word, "TRACE"u8)
        || Is(word, "PATCH"u8) || Is(word, "PRI"u8);

    private static Reply? ReplyToWord(ReadOnlySpan<byte> word)
    {
        if (Is(word, "BURL"u8) || Is(word, "TURN"u8) || Is(word, "ATRN"u8))
            return Replies.NotImplemented;

        return Is(word, "XEXCH50"u8) || Is(word, "X-ANONYMOUSTLS"u8) || Is(word, "X-EXPS"u8) || Is(word, "X-LINK2STATE"u8) || Is(word, "XRDST"u8)
            || Is(word, "VERB"u8) || Is(word, "SEND"u8) || Is(word, "SOML"u8) || Is(word, "SAML"u8)
            || Is(word, "XSHADOW"u8) || Is(word, "XSESSIONPARAMS"u8) || StartsWith(word, "XPROXY"u8) || Is(word, "LHLO"u8)
            ? Replies.NotRecognized
            : null;
    }

    private static bool Is(ReadOnlySpan<byte> word, ReadOnlySpan<byte> name) => Ascii.EqualsIgnoreCase(word, name);

    private static bool StartsWith(ReadOnlySpan<byte> word, ReadOnlySpan<byte> name) => word.Length >= name.Length && Is(word[..name.Length], name);
}
