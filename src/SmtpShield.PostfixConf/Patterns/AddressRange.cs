using System.Buffers.Binary;
using System.Net;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.PostfixConf.Patterns;

/// <summary>A network, or one address as a network of all bits.</summary>
internal readonly record struct AddressRange
{
    private readonly AddressBits _network;
    private readonly UInt128 _mask;

    private AddressRange(AddressBits network, UInt128 mask) => (_network, _mask) = (network, mask);

    /// <summary>The address, when it is one; <see langword="null"/> for a network of several.</summary>
    public IPAddress? Single => (_network.IsIPv4 ? (_mask == uint.MaxValue) : (_mask == UInt128.MaxValue)) ? ToAddress(_network.Value, _network.Length) : null;

    /// <summary>As it is written in a list.</summary>
    public override string ToString()
    {
        var network = ToAddress(_network.Value, _network.Length);
        var name = _network.IsIPv4 ? $"{network}" : $"[{network}]";
        return Single is not null ? name : $"{name}/{int.CreateChecked(UInt128.PopCount(_mask))}";
    }

    /// <summary>Whether the address is in the network; never when it is of the other family.</summary>
    public bool Contains(AddressBits address) => IsSameFamily(address) && (address.Value & _mask) == _network.Value;

    /// <summary>Whether the address is of the network's family.</summary>
    public bool IsSameFamily(AddressBits address) => address.IsIPv4 == _network.IsIPv4;

    /// <summary>Reads <c>address</c>, <c>network/length</c>, <c>[address]</c>, <c>[network]/length</c> or <c>[network/length]</c>.</summary>
    /// <param name="text">The pattern.</param>
    /// <param name="range">The network.</param>
    /// <param name="error">What is wrong, in the words of Postfix's <c>util/cidr_match.c</c>.</param>
    public static bool TryParse(string text, out AddressRange range, out string error)
    {
        range = default;
        if (!TryStripBrackets(text, out var pattern, out error))
            return false;
        var slash = pattern.IndexOf('/', StringComparison.Ordinal);
        var network = slash < 0 ? pattern : pattern[..slash];
        var mask = slash < 0 ? "" : pattern[(slash + 1)..];
        var isIPv6 = network.Contains(':', StringComparison.Ordinal);
        var length = isIPv6 ? 128 : 32;
        if (slash >= 0)
        {
            if (!Ascii.IsDigits(mask))
                error = $"bad mask value in \"{network}/{mask}\"";
            else if (!int.TryParse(mask, out length) || length > (isIPv6 ? 128 : 32))
                error = $"bad mask length in \"{network}/{mask}\"";
        }
        if (error.Length > 0)
            return false;
        if (!AddressBits.TryParse(network, out var address))
        {
            error = slash < 0 ? $"bad address pattern: \"{network}\"" : $"bad network value in \"{network}/{mask}\"";
            return false;
        }
        return TryCreate(address, length, $"{network}/{mask}", out range, out error);
    }

    private static bool TryCreate(IPAddress address, int length, string written, out AddressRange range, out string error)
    {
        error = "";
        var width = address.GetAddressBytes().Length * 8;
        var value = ToNumber(address);
        var mask = length == 0 ? UInt128.Zero : UInt128.MaxValue << (width - length);
        if ((value & ~mask) != 0)
        {
            range = default;
            error = $"non-null host address bits in \"{written}\", perhaps you should use \"{ToAddress(value & mask, width)}/{length}\" instead";
            return false;
        }
        // Clients with an IPv4-mapped address are taken as IPv4, so the pattern must be, too; 96 bits are the prefix ::ffff:.
        range = width == 128 && length >= 96 && address.IsIPv4MappedToIPv6
            ? new AddressRange(new AddressBits(true, (uint)value), (uint)mask)
            : new AddressRange(new AddressBits(width == 32, value), width == 32 ? (uint)mask : mask);
        return true;
    }

    private static bool TryStripBrackets(string text, out string pattern, out string error)
    {
        (pattern, error) = (text, "");
        if (!text.StartsWith('['))
            return true;
        var end = text.IndexOf(']', StringComparison.Ordinal);
        if (end < 0)
            error = $"missing ']' character after \"{text}\"";
        else if (end + 1 < text.Length && text[end + 1] != '/')
            error = $"garbage after \"{text[..(end + 1)]}\"";
        else if (end + 1 < text.Length && text.AsSpan(1, end - 1).Contains('/'))
            error = $"bad network value in \"{text}\"";
        else
            pattern = text[1..end] + text[(end + 1)..];
        return error.Length == 0;
    }

    private static UInt128 ToNumber(IPAddress address)
    {
        Span<byte> octets = stackalloc byte[16];
        octets.Clear();
        address.TryWriteBytes(octets, out var count);
        return BinaryPrimitives.ReadUInt128BigEndian(octets) >> (128 - (count * 8));
    }

    private static IPAddress ToAddress(UInt128 value, int width)
    {
        Span<byte> octets = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(octets, value);
        return new IPAddress(octets[(16 - (width / 8))..]);
    }
}
