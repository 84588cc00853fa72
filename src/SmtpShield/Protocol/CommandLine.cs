namespace SmtpShield.Protocol;

/// <summary>
/// A command line without its line end, taken apart as far as the shield needs: the verb and what follows it. The bytes themselves are forwarded unchanged.
/// </summary>
internal readonly ref struct CommandLine
{
    private CommandLine(ReadOnlySpan<byte> word, ReadOnlySpan<byte> argument)
    {
        Word = word;
        Argument = argument;
        Verb = VerbTable.Parse(word);
    }

    /// <summary>The first word; empty for a blank line.</summary>
    public ReadOnlySpan<byte> Word { get; }

    /// <summary>What follows the first word, without blanks around it.</summary>
    public ReadOnlySpan<byte> Argument { get; }

    /// <summary>The command.</summary>
    public Verb Verb { get; }

    // All that Postfix takes for a blank (smtpd_token.c has isspace): "XCLIENT", form feed, "ADDR=..." must not look like an
    // unknown verb here and be one there.
    private static ReadOnlySpan<byte> Blanks => " \t\v\f"u8;

    /// <summary>Takes a line apart. Blanks around words are skipped for matching only (RFC 5321 section 2.4).</summary>
    public static CommandLine Parse(ReadOnlySpan<byte> line)
    {
        var text = line.Trim(Blanks);
        var end = text.IndexOfAny(Blanks);
        return end < 0 ? new(text, default) : new(text[..end], text[end..].TrimStart(Blanks));
    }

    /// <summary>Whether MAIL or RCPT has what Postfix takes for an address: <c>FROM:</c> or <c>TO:</c> and something behind it.</summary>
    /// <param name="argument">What follows the verb.</param>
    /// <param name="label"><c>FROM:</c> or <c>TO:</c>.</param>
    /// <remarks>smtpd.c judges its rates behind this test and before it looks at the address.</remarks>
    public static bool HasAddress(ReadOnlySpan<byte> argument, ReadOnlySpan<byte> label) =>
        argument.Length > label.Length && System.Text.Ascii.EqualsIgnoreCase(argument[..label.Length], label) && !argument[label.Length..].Trim(Blanks).IsEmpty;

    /// <summary>Whether MAIL or RCPT has a parameter behind its address, with or without a value.</summary>
    /// <param name="argument">What follows the verb.</param>
    /// <param name="keyword">The parameter's name (RFC 5321 section 4.1.2, esmtp-keyword).</param>
    public static bool HasParameter(ReadOnlySpan<byte> argument, ReadOnlySpan<byte> keyword)
    {
        var close = argument.IndexOf((byte)'>');
        var rest = close < 0 ? argument : argument[(close + 1)..];
        while (!(rest = rest.TrimStart(Blanks)).IsEmpty)
        {
            var end = rest.IndexOfAny(Blanks);
            var word = end < 0 ? rest : rest[..end];
            rest = rest[word.Length..];
            var equals = word.IndexOf((byte)'=');
            if (System.Text.Ascii.EqualsIgnoreCase(equals < 0 ? word : word[..equals], keyword))
                return true;
        }

        return false;
    }

    /// <summary>
    /// Whether the line starts like a message header, <c>Subject:</c>: another protocol's text, or content where a command should
    /// be (Postfix <c>is_header</c>).
    /// </summary>
    public bool IsHeader
    {
        get
        {
            var colon = Word.IndexOf((byte)':');
            return colon > 0 && Word[..colon].IndexOfAnyExceptInRange((byte)'!', (byte)'~') < 0;
        }
    }

    /// <summary>
    /// The address of <c>MAIL FROM:&lt;address&gt;</c> or <c>RCPT TO:&lt;address&gt;</c>, without the angle brackets; empty when there is none.
    /// </summary>
    /// <remarks>For log lines only: it does not validate.</remarks>
    public static ReadOnlySpan<byte> AddressOf(ReadOnlySpan<byte> argument)
    {
        // qmail and its kin take MAIL <a@b>; elsewhere a colon comes first.
        var colon = argument is [(byte)'<', ..] ? -1 : argument.IndexOf((byte)':');
        if (colon < 0 && argument is not [(byte)'<', ..])
            return default;

        var path = argument[(colon + 1)..].TrimStart(" \t"u8);
        if (path.IsEmpty || path[0] != (byte)'<')
        {
            var blank = path.IndexOfAny((byte)' ', (byte)'\t');
            return blank < 0 ? path : path[..blank];
        }

        var close = path.IndexOf((byte)'>');
        return close < 0 ? path[1..] : path[1..close];
    }
}
