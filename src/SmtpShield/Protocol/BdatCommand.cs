using System.Text;

namespace SmtpShield.Protocol;

/// <summary>A BDAT command whose size no two parsers read differently (RFC 3030 section 2).</summary>
/// <param name="Size">Octets that follow the command line, 0 to 2147483647.</param>
/// <param name="IsLast">The message ends with this chunk.</param>
internal readonly record struct BdatCommand(long Size, bool IsLast)
{
    /// <summary>Reads the argument: decimal digits without a leading zero, optionally LAST in any case; nothing else.</summary>
    /// <param name="argument">What follows the verb.</param>
    /// <param name="largest">The largest size (<c>shield_max_chunk</c>).</param>
    /// <param name="command">The command, when well formed.</param>
    public static bool TryParse(ReadOnlySpan<byte> argument, int largest, out BdatCommand command)
    {
        command = default;
        var blank = argument.IndexOf((byte)' ');
        var digits = blank < 0 ? argument : argument[..blank];
        var rest = blank < 0 ? default : argument[blank..].Trim((byte)' ');
        if (digits.IsEmpty || digits.Length > 10 || (digits[0] == (byte)'0' && digits.Length > 1))
            return false;

        long size = 0;
        foreach (var digit in digits)
        {
            if (!char.IsAsciiDigit((char)digit))
                return false;
            size = (size * 10) + (digit - '0');
        }

        if (size > largest || !(rest.IsEmpty || Ascii.EqualsIgnoreCase(rest, "LAST"u8)))
            return false;

        command = new(size, !rest.IsEmpty);
        return true;
    }

    /// <summary>Writes the one form in which the command is forwarded, <c>BDAT n[ LAST]</c> and CRLF.</summary>
    /// <param name="destination">At least 24 octets.</param>
    /// <returns>Octets written.</returns>
    public int Format(Span<byte> destination)
    {
        "BDAT "u8.CopyTo(destination);
        Size.TryFormat(destination[5..], out var digits, provider: System.Globalization.CultureInfo.InvariantCulture);
        var length = 5 + digits;
        var end = IsLast ? " LAST\r\n"u8 : SmtpLines.CrLf;
        end.CopyTo(destination[length..]);
        return length + end.Length;
    }
}
