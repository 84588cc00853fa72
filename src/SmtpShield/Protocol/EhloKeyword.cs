namespace SmtpShield.Protocol;

/// <summary>One line of an EHLO reply behind the first (RFC 5321 section 4.1.1.1).</summary>
/// <param name="Name">The keyword, as the MTA writes it; in <c>AUTH=LOGIN</c>, an old form of <c>AUTH LOGIN</c>, it is <c>AUTH</c>.</param>
/// <param name="Separator">What is between the keyword and its parameters: a blank, or <c>=</c>.</param>
/// <param name="Parameters">What follows, octets as characters; empty: nothing.</param>
internal sealed record EhloKeyword(string Name, char Separator, string Parameters)
{
    /// <summary>Parameters a blank apart.</summary>
    public string[] Words => Parameters.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Reads a line without its code and end.</summary>
    public static EhloKeyword Parse(string text)
    {
        text = text.Trim(' ', '\t');
        var end = text.IndexOfAny([' ', '\t', '=']);
        return end < 0 ? new(text, ' ', "") : new(text[..end], text[end] == '=' ? '=' : ' ', text[(end + 1)..].Trim(' ', '\t'));
    }

    /// <summary>Whether it is a keyword, in any case.</summary>
    public bool Is(string name) => Name.Equals(name, StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc />
    public override string ToString() => Parameters.Length == 0 ? Name : $"{Name}{Separator}{Parameters}";
}
