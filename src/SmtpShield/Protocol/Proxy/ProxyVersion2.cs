using System.Buffers.Binary;

namespace SmtpShield.Protocol.Proxy;

/// <summary>The binary form (proxy-protocol.txt, section 2.2): signature, version and command, family and transport, length; addresses; TLVs.</summary>
internal static class ProxyVersion2
{
    private const int CommandAt = 12;
    private const int FamilyAt = 13;
    private const int LengthAt = 14;
    private const int AddressesAt = ProxyFormat.FixedLength;

    /// <summary>Judges the first 16 octets: how much follows them, and whether it is worth waiting for.</summary>
    /// <param name="first">Begins with the signature.</param>
    /// <param name="following">Octets that follow.</param>
    /// <returns>What is wrong with them.</returns>
    public static string Judge(ReadOnlySpan<byte> first, out int following)
    {
        following = BinaryPrimitives.ReadUInt16BigEndian(first[LengthAt..]);
        if ((first[CommandAt] & 0xf0) != (ProxyFormat.Proxy & 0xf0))
            return ProxyFaults.UnrecognizedVersion;
        if (first[CommandAt] is not (ProxyFormat.Local or ProxyFormat.Proxy))
            return ProxyFaults.BadCommand;

        // LOCAL: the family is to be ignored.
        var needed = first[CommandAt] == ProxyFormat.Local ? 0 : AddressesOf(first[FamilyAt]);
        return needed switch
        {
            null => ProxyFaults.UnsupportedNetworkProtocol,
            _ when following < needed => ProxyFaults.ShortAddressField,
            _ when following > ProxyFormat.MostFollowing => ProxyFaults.LongVersion2Header,
            _ => ProxyFaults.None,
        };
    }

    /// <summary>Reads a whole header that was judged.</summary>
    /// <returns>What is wrong with it.</returns>
    public static string Parse(ReadOnlySpan<byte> octets, bool acceptUnknown, out ProxyHeader header)
    {
        header = new(octets[CommandAt] == ProxyFormat.Local ? ProxyHeaderKind.Local : ProxyHeaderKind.Unknown);
        if (header.Kind == ProxyHeaderKind.Local)
            return ProxyFaults.None;
        if (octets[FamilyAt] == ProxyFormat.Unspecified)
            return acceptUnknown ? ProxyFaults.None : ProxyFaults.UnsupportedNetworkProtocol;

        var isIPv4 = octets[FamilyAt] == ProxyFormat.Tcp4;
        var size = isIPv4 ? 4 : 16;
        var addresses = octets[AddressesAt..];
        var ports = addresses[(size * 2)..];
        header = ProxyHeader.Of(
            EndPoint(addresses[..size], BinaryPrimitives.ReadUInt16BigEndian(ports)),
            EndPoint(addresses[size..(size * 2)], BinaryPrimitives.ReadUInt16BigEndian(ports[2..])));
        return JudgeTlvs(octets, AddressesAt + (isIPv4 ? ProxyFormat.IPv4Length : ProxyFormat.IPv6Length));
    }

    private static int? AddressesOf(byte family) => family switch
    {
        ProxyFormat.Unspecified => 0,
        ProxyFormat.Tcp4 => ProxyFormat.IPv4Length,
        ProxyFormat.Tcp6 => ProxyFormat.IPv6Length,
        _ => null,
    };

    private static ProxyEndPoint EndPoint(ReadOnlySpan<byte> address, ushort port) => address.Length == 4
        ? new(true, BinaryPrimitives.ReadUInt32BigEndian(address), port)
        : ProxyEndPoint.OfIPv6(BinaryPrimitives.ReadUInt128BigEndian(address), port);

    private static string JudgeTlvs(ReadOnlySpan<byte> octets, int at)
    {
        while (at < octets.Length)
        {
            if (octets.Length - at < ProxyFormat.TlvHead)
                return ProxyFaults.BadTlv;
            var length = BinaryPrimitives.ReadUInt16BigEndian(octets[(at + 1)..]);
            var value = at + ProxyFormat.TlvHead;
            if (length > octets.Length - value)
                return ProxyFaults.BadTlv;
            if (octets[at] == ProxyFormat.Checksum
                && (length != ProxyChecksum.Length || BinaryPrimitives.ReadUInt32BigEndian(octets[value..]) != ProxyChecksum.Of(octets, value)))
            {
                return ProxyFaults.BadChecksum;
            }

            at = value + length;
        }

        return ProxyFaults.None;
    }
}
