using System.Globalization;
using System.Text;

namespace SmtpShield.Protocol.Proxy;

/// <summary>
/// Addresses in version 1 headers. IPv4 has one spelling, IPv6 those of RFC 4291 section 2.2; whatever else some programs take is refused: leading zeros
/// in decimal numbers (others read them as octal), signs, zone ids, brackets.
/// </summary>
internal static class ProxyAddressText
{
    private const int Groups = 8;

    /// <summary>Reads four decimal numbers.</summary>
    public static bool TryParseIPv4(ReadOnlySpan<byte> text, out UInt128 bits)
    {
        bits = 0;
        var parts = 0;
        foreach (var range in text.Split((byte)'.'))
        {
            if (++parts > 4 || !TryParseNumber(text[range], byte.MaxValue, out var number))
                return false;
            bits = (bits << 8) | (uint)number;
        }

        return parts == 4;
    }

    /// <summary>
    /// Reads hexadecimal groups, of which one <c>::</c> stands for one or more that are 0, and the last two may be an IPv4 address. proxy-protocol.txt section
    /// 2.1 has no such end, but proxies write what inet_ntop(3) gives them: <c>::ffff:192.0.2.1</c> for an IPv4 client of a socket for both.
    /// </summary>
    public static bool TryParseIPv6(ReadOnlySpan<byte> text, out UInt128 bits)
    {
        bits = 0;
        var gap = text.IndexOf("::"u8);
        if (gap < 0)
            return TryParseEnd(text, out bits, out var all) && all == Groups;
        if (!TryParseGroups(text[..gap], out var head, out var before) || !TryParseEnd(text[(gap + 2)..], out var tail, out var after)
            || before + after >= Groups)
        {
            return false;
        }

        bits = (head << (16 * (Groups - before))) | tail;
        return true;
    }

    /// <summary>Reads a port, or any decimal number without leading zeros.</summary>
    public static bool TryParseNumber(ReadOnlySpan<byte> text, int largest, out int number)
    {
        number = 0;
        if (text.Length is 0 or > 5 || (text[0] == (byte)'0' && text.Length > 1))
            return false;
        foreach (var digit in text)
        {
            if (!char.IsAsciiDigit((char)digit))
                return false;
            number = (number * 10) + (digit - '0');
        }

        return number <= largest;
    }

    /// <summary>Writes four decimal numbers.</summary>
    public static string OfIPv4(UInt128 bits) =>
        string.Create(CultureInfo.InvariantCulture, $"{(byte)(bits >> 24)}.{(byte)(bits >> 16)}.{(byte)(bits >> 8)}.{(byte)bits}");

    /// <summary>Writes an address as RFC 5952 has it, but hexadecimal to its end. Receivers compare the text.</summary>
    public static string OfIPv6(UInt128 bits)
    {
        var (start, length) = LongestGap(bits);
        var text = new StringBuilder(39);
        for (var group = 0; group < Groups; group++)
        {
            if (group == start)
            {
                text.Append("::");
                group += length - 1;
                continue;
            }

            if (group > 0 && group != start + length)
                text.Append(':');
            text.Append(CultureInfo.InvariantCulture, $"{Group(bits, group):x}");
        }

        return text.ToString();
    }

    private static ushort Group(UInt128 bits, int group) => (ushort)(bits >> (16 * (Groups - 1 - group)));

    // The first of the longest runs of two or more; without one a start that is never reached.
    private static (int Start, int Length) LongestGap(UInt128 bits)
    {
        var longest = (Start: -2, Length: 1);
        for (var start = 0; start < Groups; start++)
        {
            var length = 0;
            while (start + length < Groups && Group(bits, start + length) == 0)
                length++;
            if (length > longest.Length)
                longest = (start, length);
        }

        return longest;
    }

    // Groups up to the end of an address, where IPv4 stands for two of them.
    private static bool TryParseEnd(ReadOnlySpan<byte> text, out UInt128 bits, out int groups)
    {
        var colon = text.LastIndexOf((byte)':');
        if (!text[(colon + 1)..].Contains((byte)'.'))
            return TryParseGroups(text, out bits, out groups);

        (bits, groups) = (0, 0);
        if (!TryParseIPv4(text[(colon + 1)..], out var ipv4) || colon == 0 || !TryParseGroups(text[..Math.Max(colon, 0)], out bits, out groups))
            return false;

        (bits, groups) = ((bits << 32) | ipv4, groups + 2);
        return groups <= Groups;
    }

    private static bool TryParseGroups(ReadOnlySpan<byte> text, out UInt128 bits, out int groups)
    {
        (bits, groups) = (0, 0);
        if (text.IsEmpty)
            return true;
        foreach (var range in text.Split((byte)':'))
        {
            var digits = text[range];
            if (++groups > Groups || digits.Length is 0 or > 4)
                return false;
            uint group = 0;
            foreach (var digit in digits)
            {
                if (!char.IsAsciiHexDigit((char)digit))
                    return false;
                group = (group << 4) | (digit <= '9' ? digit - (uint)'0' : (digit | 0x20u) - 'a' + 10u);
            }

            bits = (bits << 16) | group;
        }

        return true;
    }
}
