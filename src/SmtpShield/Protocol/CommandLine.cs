namespace SmtpShield.Protocol;

/// <summary>A command line without its line end, taken apart as far as the shield needs: the verb and what follows it. The bytes themselves are forwarded unchanged.</summary>
internal readonly ref struct CommandLine
{
    private CommandLine(ReadOnlySpan<byte> word, ReadOnlySpan<byte> argument)
    {
        Word = word;
        Argument = argument;
        Verb = Verbs.Parse(word);
    }

    /// <summary>The first word; empty for a blank line.</summary>
    public ReadOnlySpan<byte> Word { get; }

    /// <summary>What follows the first word, without blanks around it.</summary>
    public ReadOnlySpan<byte> Argument { get; }

    /// <summary>The command.</summary>
    public Verb Verb { get; }

    // What C's isspace() takes for a blank inside a line: an MTA may split words there, so a verb must not hide behind it.
    private static ReadOnlySpan<byte> Blanks => " \t\v\f"u8;

    /// <summary>Takes a line apart. Blanks and tabs around words are skipped for matching only (RFC 5321 section 2.4).</summary>
    public static CommandLine Parse(ReadOnlySpan<byte> line)
    {
        var text = line.Trim(Blanks);
        var end = text.IndexOfAny(Blanks);
        return end < 0 ? new(text, default) : new(text[..end], text[end..].TrimStart(Blanks));
    }

    /// <summary>The address of <c>MAIL FROM:&lt;address&gt;</c> or <c>RCPT TO:&lt;address&gt;</c>, without the angle brackets; empty when there is none.</summary>
    /// <remarks>For log lines only: it does not validate.</remarks>
    public static ReadOnlySpan<byte> AddressOf(ReadOnlySpan<byte> argument)
    {
        var colon = argument.IndexOf((byte)':');
        if (colon < 0)
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
