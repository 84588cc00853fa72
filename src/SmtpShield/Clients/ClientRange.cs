using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Clients;

/// <summary>Whose events are counted together: an address or the network it belongs to. The key of every per-client counter.</summary>
/// <remarks>24 octets: as a <see cref="UInt128"/> the address would want a place on a boundary of 16, and tables have many of these.</remarks>
internal readonly record struct ClientRange
{
    private readonly ulong _high;
    private readonly ulong _low;

    /// <summary>A range.</summary>
    /// <param name="bits">The address, its host bits cleared; IPv4 in the low 32 bits.</param>
    /// <param name="prefixLength">Significant bits: 0 to 32 for IPv4, 0 to 128 for IPv6.</param>
    /// <param name="isIPv4">Which of the two.</param>
    public ClientRange(UInt128 bits, byte prefixLength, bool isIPv4) => (Bits, PrefixLength, IsIPv4) = (bits, prefixLength, isIPv4);

    /// <summary>The address, its host bits cleared; IPv4 in the low 32 bits.</summary>
    public UInt128 Bits
    {
        get => new(_high, _low);
        init => (_high, _low) = ((ulong)(value >> 64), (ulong)value);
    }

    /// <summary>Significant bits: 0 to 32 for IPv4, 0 to 128 for IPv6.</summary>
    public byte PrefixLength { get; init; }

    /// <summary>Which of the two.</summary>
    public bool IsIPv4 { get; init; }

    /// <summary>The range of an address. IPv4-mapped IPv6 counts as IPv4; a zone id does not belong to the key.</summary>
    /// <param name="address">The client's address.</param>
    /// <param name="ipv4PrefixLength">0 to 32 (Postfix <c>smtpd_client_ipv4_prefix_length</c>).</param>
    /// <param name="ipv6PrefixLength">0 to 128 (Postfix <c>smtpd_client_ipv6_prefix_length</c>).</param>
    public static ClientRange Of(IPAddress address, int ipv4PrefixLength, int ipv6PrefixLength)
    {
        Span<byte> octets = stackalloc byte[16];
        var isIPv4 = address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6;
        if (isIPv4)
        {
            var mapped = address.AddressFamily == AddressFamily.InterNetwork ? address : address.MapToIPv4();
            mapped.TryWriteBytes(octets, out _);
            var bits = BinaryPrimitives.ReadUInt32BigEndian(octets);
            return new(ipv4PrefixLength == 0 ? 0 : bits & (uint.MaxValue << (32 - ipv4PrefixLength)), (byte)ipv4PrefixLength, true);
        }

        address.TryWriteBytes(octets, out _);
        var wide = BinaryPrimitives.ReadUInt128BigEndian(octets);
        return new(ipv6PrefixLength == 0 ? 0 : wide & (UInt128.MaxValue << (128 - ipv6PrefixLength)), (byte)ipv6PrefixLength, false);
    }

    /// <summary>Whether it is one address.</summary>
    public bool IsAddress => PrefixLength == (IsIPv4 ? 32 : 128);

    /// <summary>Its first address.</summary>
    public IPAddress Address
    {
        get
        {
            Span<byte> octets = stackalloc byte[16];
            BinaryPrimitives.WriteUInt128BigEndian(octets, Bits);
            return new(IsIPv4 ? octets[12..] : octets);
        }
    }

    /// <summary>Whether a range is all in this one.</summary>
    public bool Contains(in ClientRange other) => IsIPv4 == other.IsIPv4 && other.PrefixLength >= PrefixLength
        && (PrefixLength == 0 || (Bits ^ other.Bits) >> ((IsIPv4 ? 32 : 128) - PrefixLength) == 0);

    /// <inheritdoc />
    // Addresses are the attacker's choice: all of their bits are mixed with what is drawn anew in each process, where UInt128 folds them first.
    public override int GetHashCode() => HashCode.Combine((uint)(_high >> 32), (uint)_high, (uint)(_low >> 32), (uint)_low, PrefixLength, IsIPv4);

    /// <summary>The address, or <c>network/length</c> if the range is wider than one, as in anvil's log lines: <c>2001:db8::/84</c>.</summary>
    public override string ToString() => IsAddress ? $"{Address}" : $"{Address}/{PrefixLength}";
}
