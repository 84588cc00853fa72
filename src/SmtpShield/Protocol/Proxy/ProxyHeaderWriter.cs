using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace SmtpShield.Protocol.Proxy;

/// <summary>Writes the header that tells a server whose octets follow (proxy-protocol.txt).</summary>
internal static class ProxyHeaderWriter
{
    private const byte ClientUsesTls = 0x01;

    // "Zero if the client presented a certificate and it was successfully verified, and non-zero otherwise."
    private const uint NoCertificateVerified = 1;

    /// <summary>Writes a line of version 1. It knows neither TLVs nor LOCAL, which becomes UNKNOWN.</summary>
    /// <remarks>Addresses of two families are both written as TCP6, IPv4 as <c>::ffff:c000:201</c>: the format has no dotted end. (HAProxy says UNKNOWN then,
    /// which Postfix refuses.)</remarks>
    public static void WriteVersion1(IBufferWriter<byte> output, in ProxyHeader header)
    {
        var line = header.Kind != ProxyHeaderKind.Tcp ? "PROXY UNKNOWN\r\n"
            : string.Create(CultureInfo.InvariantCulture, $"PROXY {(header.IsIPv4 ? "TCP4" : "TCP6")} {Text(header, header.Source)} "
                + $"{Text(header, header.Destination)} {header.Source.Port} {header.Destination.Port}\r\n");
        output.Write(Encoding.ASCII.GetBytes(line));
    }

    /// <summary>Writes version 2.</summary>
    /// <remarks>Addresses of two families are both written as IPv6, IPv4 as <c>::ffff:a.b.c.d</c>, as HAProxy does.</remarks>
    public static void WriteVersion2(IBufferWriter<byte> output, in ProxyHeader header, ProxyTlvs tlvs)
    {
        var isTcp = header.Kind == ProxyHeaderKind.Tcp;
        var octets = new ArrayBufferWriter<byte>(256);
        octets.Write(ProxyFormat.Signature);
        var start = Take(octets, ProxyFormat.FixedLength - ProxyFormat.Signature.Length);
        start[0] = header.Kind == ProxyHeaderKind.Local ? ProxyFormat.Local : ProxyFormat.Proxy;
        start[1] = !isTcp ? ProxyFormat.Unspecified : header.IsIPv4 ? ProxyFormat.Tcp4 : ProxyFormat.Tcp6;
        if (isTcp)
            WriteAddresses(octets, header);
        if (tlvs.Authority.Length > 0)
            WriteTlv(octets, ProxyFormat.Authority, Encoding.UTF8.GetBytes(tlvs.Authority));
        if (tlvs.Tls is { } tls)
            WriteTlv(octets, ProxyFormat.Tls, ValueOf(tls));
        if (tlvs.HasChecksum)
            WriteTlv(octets, ProxyFormat.Checksum, [0, 0, 0, 0]);

        var all = octets.WrittenSpan.ToArray();
        BinaryPrimitives.WriteUInt16BigEndian(all.AsSpan(ProxyFormat.FixedLength - 2), checked((ushort)(all.Length - ProxyFormat.FixedLength)));
        if (tlvs.HasChecksum)
        {
            var at = all.Length - ProxyChecksum.Length;
            BinaryPrimitives.WriteUInt32BigEndian(all.AsSpan(at), ProxyChecksum.Of(all, at));
        }

        output.Write(all);
    }

    private static string Text(in ProxyHeader header, in ProxyEndPoint endPoint) =>
        header.IsIPv4 ? ProxyAddressText.OfIPv4(endPoint.Bits) : ProxyAddressText.OfIPv6(endPoint.IPv6Bits);

    private static void WriteAddresses(ArrayBufferWriter<byte> octets, in ProxyHeader header)
    {
        foreach (var endPoint in new[] { header.Source, header.Destination })
        {
            if (header.IsIPv4)
                BinaryPrimitives.WriteUInt32BigEndian(Take(octets, 4), (uint)endPoint.Bits);
            else
                BinaryPrimitives.WriteUInt128BigEndian(Take(octets, 16), endPoint.IPv6Bits);
        }

        BinaryPrimitives.WriteUInt16BigEndian(Take(octets, 2), header.Source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(Take(octets, 2), header.Destination.Port);
    }

    private static byte[] ValueOf(ProxyTls tls)
    {
        var value = new ArrayBufferWriter<byte>(64);
        Take(value, 1)[0] = ClientUsesTls;
        BinaryPrimitives.WriteUInt32BigEndian(Take(value, 4), NoCertificateVerified);
        WriteTlv(value, ProxyFormat.TlsVersion, Encoding.ASCII.GetBytes(tls.Version));
        WriteTlv(value, ProxyFormat.TlsCipher, Encoding.ASCII.GetBytes(tls.Cipher));
        return value.WrittenSpan.ToArray();
    }

    private static void WriteTlv(ArrayBufferWriter<byte> octets, byte type, ReadOnlySpan<byte> value)
    {
        Take(octets, 1)[0] = type;
        BinaryPrimitives.WriteUInt16BigEndian(Take(octets, 2), checked((ushort)value.Length));
        octets.Write(value);
    }

    private static Span<byte> Take(ArrayBufferWriter<byte> octets, int length)
    {
        var taken = octets.GetSpan(length)[..length];
        octets.Advance(length);
        return taken;
    }
}
