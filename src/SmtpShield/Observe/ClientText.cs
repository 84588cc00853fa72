using System.Buffers;

namespace SmtpShield.Observe;

/// <summary>
/// Makes text of a client or an MTA safe to be part of a log line: printable ASCII only, on one line, not longer than asked for.
/// Works on bytes, so what is invalid UTF-8, a C1 control, U+2028 or a bidi mark comes out as the octets it was sent as.
/// </summary>
/// <remarks>
/// Postfix escape() (<c>vstring</c>): <c>\a \b \f \n \r \t \v</c>, a doubled backslash, and <c>\ooo</c> for the rest. Always three octal digits here, so that
/// a digit that follows is never read as part of the escape.
/// </remarks>
internal static class ClientText
{
    /// <summary>The longest text of a client that a log line carries, unless a caller says otherwise.</summary>
    /// <value>Octets of the client's text; 256.</value>
    public const int MaxLength = 256;

    private const string Ellipsis = "...";

    /// <summary>Escapes the way Postfix does; text longer than <paramref name="maxLength"/> octets ends there, with <c>...</c>.</summary>
    public static string Escape(ReadOnlySpan<byte> text, int maxLength = MaxLength) => Write(Cut(text, maxLength, out var cut), cut, quote: false);

    /// <inheritdoc cref="Escape(ReadOnlySpan{byte}, int)"/>
    public static string Escape(in ReadOnlySequence<byte> text, int maxLength = MaxLength) =>
        text.IsSingleSegment ? Escape(text.FirstSpan, maxLength) : Write(Cut(text, maxLength, out var cut), cut, quote: false);

    /// <summary>
    /// Escapes and puts the text between double quotes, with those inside it escaped too. For lines of the shield's own making: client text that is quoted
    /// cannot be taken for another field of the line, so it cannot make a log watcher ban somebody else.
    /// </summary>
    public static string Quote(ReadOnlySpan<byte> text, int maxLength = MaxLength) => Write(Cut(text, maxLength, out var cut), cut, quote: true);

    /// <inheritdoc cref="Quote(ReadOnlySpan{byte}, int)"/>
    public static string Quote(in ReadOnlySequence<byte> text, int maxLength = MaxLength) =>
        text.IsSingleSegment ? Quote(text.FirstSpan, maxLength) : Write(Cut(text, maxLength, out var cut), cut, quote: true);

    private static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> text, int maxLength, out bool cut)
    {
        cut = text.Length > maxLength;
        return cut ? text[..maxLength] : text;
    }

    // Copies no more than it keeps: the sequence may be a whole pipe buffer.
    private static ReadOnlySpan<byte> Cut(in ReadOnlySequence<byte> text, int maxLength, out bool cut)
    {
        cut = text.Length > maxLength;
        return (cut ? text.Slice(0, maxLength) : text).ToArray();
    }

    private static string Write(ReadOnlySpan<byte> text, bool cut, bool quote)
    {
        var length = (cut ? Ellipsis.Length : 0) + (quote ? 2 : 0);
        foreach (var octet in text)
            length += EscapedLength(octet, quote);

        return string.Create(length, new Source(text, cut, quote), static (destination, source) =>
        {
            var written = 0;
            if (source.Quoted)
                destination[written++] = '"';
            foreach (var octet in source.Text)
                written += WriteOctet(octet, source.Quoted, destination[written..]);
            if (source.WasCut)
            {
                Ellipsis.CopyTo(destination[written..]);
                written += Ellipsis.Length;
            }

            if (source.Quoted)
                destination[written] = '"';
        });
    }

    private static int EscapedLength(byte octet, bool quote) => octet switch
    {
        (byte)'\\' => 2,
        (byte)'"' => quote ? 2 : 1,
        >= (byte)' ' and <= (byte)'~' => 1,
        >= 0x07 and <= 0x0d => 2,
        _ => 4,
    };

    private static int WriteOctet(byte octet, bool quote, Span<char> destination)
    {
        var length = EscapedLength(octet, quote);
        if (length == 1)
        {
            destination[0] = (char)octet;
            return length;
        }

        destination[0] = '\\';
        if (length == 2)
        {
            // 0x07 to 0x0d have C's letters, in this order; the others are the backslash and the quote themselves.
            destination[1] = octet <= 0x0d ? "abtnvfr"[octet - 0x07] : (char)octet;
            return length;
        }

        destination[1] = (char)('0' + (octet >> 6));
        destination[2] = (char)('0' + ((octet >> 3) & 7));
        destination[3] = (char)('0' + (octet & 7));
        return length;
    }

    private readonly ref struct Source(ReadOnlySpan<byte> text, bool wasCut, bool quoted)
    {
        public readonly ReadOnlySpan<byte> Text = text;
        public readonly bool WasCut = wasCut;
        public readonly bool Quoted = quoted;
    }
}
