using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace SmtpShield.PostfixConf.Values;

/// <summary>An address as a number, IPv4-mapped IPv6 as IPv4, so that ranges are compared without allocating.</summary>
/// <param name="IsIPv4">Whether <paramref name="Value"/> has 32 significant bits, not 128.</param>
/// <param name="Value">The address, first octet highest.</param>
internal readonly record struct AddressBits(bool IsIPv4, UInt128 Value)
{
    /// <summary>The bits of an address of this family.</summary>
    public int Length => IsIPv4 ? 32 : 128;

    /// <summary>The number of an address.</summary>
    public static AddressBits From(IPAddress address)
    {
        Span<byte> octets = stackalloc byte[16];
        address.TryWriteBytes(octets, out var count);
        if (count == 4)
            return new AddressBits(true, BinaryPrimitives.ReadUInt32BigEndian(octets));
        var value = BinaryPrimitives.ReadUInt128BigEndian(octets);
        return value >> 32 == 0xffff ? new AddressBits(true, (uint)value) : new AddressBits(false, value);
    }

    /// <summary>Reads an address in <c>inet_pton</c>'s strict form: four decimal numbers, or IPv6 without brackets and zone.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out IPAddress address)
    {
        address = IPAddress.None;
        var isIPv6 = text.Contains(':');
        if (text.ContainsAnyExcept(isIPv6 ? "0123456789abcdefABCDEF:." : "0123456789."))
            return false;
        if (!isIPv6 && !IsDottedQuad(text))
            return false;
        return IPAddress.TryParse(text, out address!) && address.AddressFamily == (isIPv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork);
    }

    // IPAddress.TryParse also takes 10.1 and 010.0.0.1 (octal), which nobody means in a list.
    private static bool IsDottedQuad(ReadOnlySpan<char> text)
    {
        var parts = 0;
        foreach (var range in text.Split('.'))
        {
            var part = text[range];
            if (++parts > 4 || part.Length is 0 or > 3 || (part.Length > 1 && part[0] == '0'))
                return false;
        }
        return parts == 4;
    }
}
