using System.Text;
using static SmtpShield.Protocol.VerbFlags;

namespace SmtpShield.Protocol;

/// <summary>
/// All that follows from a command's verb alone, one row a command, in the order Postfix has them (smtpd.c, <c>smtpd_cmd_table</c>), which is that of its
/// disconnect statistics and of <see cref="Verb"/>. What depends on argument or session is its users' part. For which limit a command counts, the limit says:
/// <c>Limits/ClientLimits</c>.
/// </summary>
internal static class VerbTable
{
    // Folds letters to upper case; what is no letter may become one of them or anything else, so a key only finds a candidate.
    private const byte UpperCase = 0xDF;

    private static readonly VerbRow[] _rows =
    [
        new(Verb.Helo, "HELO", Junk | BeforeTls | LastInGroup | Restricted | Replayed, KeptWords.Argument),
        new(Verb.Ehlo, "EHLO", Junk | BeforeTls | LastInGroup | Restricted | Replayed, KeptWords.Argument),
        new(Verb.Xclient, "XCLIENT", BeforeTls | NotForwarded),
        new(Verb.Xforward, "XFORWARD", NotForwarded),
        new(Verb.StartTls, "STARTTLS", BeforeTls | NeedsMta, Keyword: "STARTTLS"),
        new(Verb.Auth, "AUTH", NeedsMta, KeptWords.Mechanism, Keyword: "AUTH"),
        new(Verb.Mail, "MAIL", InGroup | Restricted | NeedsMta | Replayed, KeptWords.Address, Label: "FROM:"),
        new(Verb.Rcpt, "RCPT", InGroup | Restricted | NeedsMta, KeptWords.Address, Label: "TO:"),
        new(Verb.Data, "DATA", LastInGroup | Restricted | NeedsMta),
        new(Verb.Bdat, "BDAT", InGroup | Restricted | NeedsMta, Keyword: "CHUNKING"),
        new(Verb.Rset, "RSET", InGroup | Junk),
        new(Verb.Noop, "NOOP", Junk | BeforeTls | LastInGroup),
        new(Verb.Vrfy, "VRFY", Junk | LastInGroup | Restricted | NeedsMta, KeptWords.Mailbox),
        new(Verb.Etrn, "ETRN", Junk | Restricted | NeedsMta, KeptWords.Argument),
        new(Verb.Quit, "QUIT", BeforeTls | Unwatched),

        // Not in Postfix's table: HELP it knows since 3.9 only, and to a word it does not know it says so, whatever it is.
        new(Verb.Help, "HELP", BeforeTls | JunkIfTaken),
        new(Verb.Unknown, "UNKNOWN", BeforeTls | JunkIfTaken | Unwatched),
    ];

    private static readonly ulong[] _keys =
        [.. _rows.Where(static row => row.Verb != Verb.Unknown).Select(static row => KeyOf(Encoding.ASCII.GetBytes(row.Name)))];

    /// <summary>All rows, in the order of <see cref="Verb"/>.</summary>
    public static IReadOnlyList<VerbRow> Rows => _rows;

    /// <summary>The row of a command.</summary>
    public static VerbRow Row(this Verb verb) => _rows[(int)verb];

    /// <summary>The verb's name in log lines, as in <c>lost connection after RCPT</c>.</summary>
    public static string Name(this Verb verb) => Row(verb).Name;

    /// <summary>Whether all of some flags hold of a command.</summary>
    public static bool Has(this Verb verb, VerbFlags flags) => (Row(verb).Flags & flags) == flags;

    /// <summary>Whether input behind the command must wait for its reply: all but those RFC 2920 section 3.1 lets stand inside a pipelined group.</summary>
    public static bool EndsGroup(this Verb verb) => !Has(verb, InGroup);

    /// <summary>Whether the command is limited by <c>smtpd_junk_command_limit</c>.</summary>
    public static bool IsJunk(this Verb verb) => Has(verb, Junk);

    /// <summary>Whether the command lacks the label that stands before its address, as some MTAs let it.</summary>
    /// <param name="verb">The command.</param>
    /// <param name="argument">What follows the verb.</param>
    public static bool LacksLabel(this Verb verb, ReadOnlySpan<byte> argument) =>
        Row(verb).LabelOctets is { IsEmpty: false } label && !CommandLine.HasAddress(argument, label.Span);

    /// <summary>Finds the verb of a command line's first word, in any case (RFC 5321 section 2.4).</summary>
    public static Verb Parse(ReadOnlySpan<byte> word)
    {
        if (word.Length is 0 or > sizeof(ulong))
            return Verb.Unknown;

        var index = Array.IndexOf(_keys, KeyOf(word));
        return index >= 0 && Ascii.EqualsIgnoreCase(word, _rows[index].Name) ? (Verb)index : Verb.Unknown;
    }

    // The word as a number, so that one comparison decides for each row.
    private static ulong KeyOf(ReadOnlySpan<byte> word)
    {
        var key = 0UL;
        foreach (var letter in word)
            key = key << 8 | (byte)(letter & UpperCase);
        return key;
    }
}
