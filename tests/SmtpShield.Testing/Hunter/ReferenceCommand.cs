namespace SmtpShield.Testing.Hunter;

/// <summary>A command line as the model reads it: slow, obvious, and without a line of the shield's code.</summary>
/// <param name="Line">The line without its end.</param>
/// <param name="Verb">The first word in capitals.</param>
/// <param name="Argument">What follows it, without blanks around.</param>
internal sealed record ReferenceCommand(string Line, string Verb, string Argument)
{
    private static readonly char[] s_blanks = [' ', '\t', '\v', '\f'];

    public static ReferenceCommand Parse(string line)
    {
        var text = line.Trim(s_blanks);
        var blank = text.IndexOfAny(s_blanks);
        return blank < 0 ? new(line, Upper(text), "") : new(line, Upper(text[..blank]), text[blank..].Trim(s_blanks));
    }

    /// <summary>MAIL FROM or RCPT TO with something behind the colon.</summary>
    public bool HasAddress(string label) => Upper(Argument).StartsWith(label, StringComparison.Ordinal) && Argument[label.Length..].Trim(s_blanks).Length > 0;

    /// <summary>A parameter behind the address.</summary>
    public bool HasParameter(string name) =>
        Upper(Argument[(Argument.IndexOf('>', StringComparison.Ordinal) + 1)..]).Split(s_blanks)
            .Any(word => word == name || word.StartsWith(name + "=", StringComparison.Ordinal));

    /// <summary>The size of a BDAT nobody reads differently and whether it is the last; null for every other one.</summary>
    public (int Size, bool IsLast)? Chunk
    {
        get
        {
            var words = Argument.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var isNumber = words.Length is 1 or 2 && words[0].All(char.IsAsciiDigit) && (words[0] == "0" || words[0][0] != '0')
                && int.TryParse(words[0], out _);
            return isNumber && (words.Length == 1 || Upper(words[1]) == "LAST")
                ? (int.Parse(words[0], System.Globalization.CultureInfo.InvariantCulture), words.Length == 2)
                : null;
        }
    }

    /// <summary>The line as the MTA must get it.</summary>
    public string Forwarded => Verb == "BDAT" && Chunk is var (size, isLast) ? $"BDAT {size}{(isLast ? " LAST" : "")}" : Line;

    private static string Upper(string text) => string.Concat(text.Select(static letter => char.IsAsciiLetterLower(letter) ? (char)(letter - 32) : letter));
}
