using System.Text;

namespace SmtpShield.Protocol;

/// <summary>A reply the shield gives itself: complete octets, every line CRLF-ended (RFC 5321 section 4.2).</summary>
/// <param name="Code">The reply code, 200 to 599.</param>
/// <param name="Octets">What is sent.</param>
internal sealed record Reply(int Code, ReadOnlyMemory<byte> Octets)
{
    private const int CodeLength = 4;

    /// <summary>Makes a reply of one line.</summary>
    /// <param name="line">The line without its end; printable ASCII, never text of the client's.</param>
    public static Reply Of(string line) =>
        new(int.Parse(line.AsSpan(0, 3), System.Globalization.CultureInfo.InvariantCulture), Encoding.ASCII.GetBytes(line + "\r\n"));

    /// <summary>
    /// The same reply for a client of an MTA that has not offered ENHANCEDSTATUSCODES: only who was offered them expects them (RFC 2034 section 4).
    /// </summary>
    public Reply WithoutEnhancedCode()
    {
        var text = Octets.Span[CodeLength..];
        var blank = text.IndexOf((byte)' ');
        if (blank < 0 || !IsEnhancedCode(text[..blank]))
            return this;

        byte[] octets = [.. Octets.Span[..CodeLength], .. text[(blank + 1)..]];
        return this with { Octets = octets };
    }

    // class "." subject "." detail (RFC 3463 section 2), as Replies writes them: one digit each.
    private bool IsEnhancedCode(ReadOnlySpan<byte> word) =>
        word is [_, (byte)'.', _, (byte)'.', _] && word[0] == Octets.Span[0] && char.IsAsciiDigit((char)word[2]) && char.IsAsciiDigit((char)word[4]);
}
