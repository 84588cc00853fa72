using System.Buffers;

namespace SmtpShield.PostfixConf;

/// <summary>The character classes of Postfix's parsers: US-ASCII only, whatever the locale.</summary>
internal static class Ascii
{
    /// <summary>The characters of C's <c>isspace</c>.</summary>
    public const string Space = " \t\n\v\f\r";

    /// <summary><see cref="Space"/>, to search for.</summary>
    public static readonly SearchValues<char> SpaceValues = SearchValues.Create(Space);

    /// <summary>Whether the character separates words.</summary>
    public static bool IsSpace(char c) => c is ' ' or (>= '\t' and <= '\r');

    /// <summary>Whether the character can be part of a parameter name behind <c>$</c>.</summary>
    public static bool IsName(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    /// <summary>Whether the text has one character or more and all are digits.</summary>
    public static bool IsDigits(ReadOnlySpan<char> text) => !text.IsEmpty && !text.ContainsAnyExceptInRange('0', '9');
}
