using System.Buffers;
using SmtpShield.Protocol.Proxy;

namespace SmtpShield.Tests.Protocol.Proxy;

public class ProxyHeaderWriterTests
{
    private static readonly ProxyEndPoint _v4 = new(true, 0xc0000201, 56324);
    private static readonly ProxyEndPoint _serverV4 = new(true, 0xc6336401, 25);
    private static readonly ProxyEndPoint _v6 = new(false, new(0x20010db8_00000000, 1), 56324);

    [Test]
    public void WriteVersion1_Addresses_IsTheLine() => Assert.Multiple(() =>
    {
        Assert.That(Version1(ProxyHeader.Of(_v4, _serverV4)), Is.EqualTo("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25⏎"));
        Assert.That(Version1(ProxyHeader.Of(_v6, _v6 with { Port = 25 })), Is.EqualTo("PROXY TCP6 2001:db8::1 2001:db8::1 56324 25⏎"));
        Assert.That(Version1(ProxyHeader.Of(_v6, _serverV4)), Is.EqualTo("PROXY TCP6 2001:db8::1 ::ffff:c633:6401 56324 25⏎"));
        Assert.That(Version1(new(ProxyHeaderKind.Unknown)), Is.EqualTo("PROXY UNKNOWN⏎"));
        Assert.That(Version1(new(ProxyHeaderKind.Local)), Is.EqualTo("PROXY UNKNOWN⏎"));
    });

    [Test]
    public void WriteVersion2_Addresses_IsTheHeader() => Assert.Multiple(() =>
    {
        Assert.That(Version2(ProxyHeader.Of(_v4, _serverV4), ProxyTlvs.None),
            Is.EqualTo("0d0a0d0a000d0a515549540a 21 11 000c c0000201 c6336401 dc04 0019".Replace(" ", "")));
        Assert.That(
            Version2(ProxyHeader.Of(_v6, _serverV4), ProxyTlvs.None),
            Is.EqualTo("0d0a0d0a000d0a515549540a 21 21 0024 20010db8000000000000000000000001 00000000000000000000ffffc6336401 dc04 0019".Replace(" ", "")));
        Assert.That(Version2(new(ProxyHeaderKind.Local), ProxyTlvs.None), Is.EqualTo("0d0a0d0a000d0a515549540a 20 00 0000".Replace(" ", "")));
        Assert.That(Version2(new(ProxyHeaderKind.Unknown), ProxyTlvs.None), Is.EqualTo("0d0a0d0a000d0a515549540a 21 00 0000".Replace(" ", "")));
    });

    [Test]
    public void WriteVersion2_Tlvs_AreInTheHeader() => Assert.That(
        Version2(ProxyHeader.Of(_v4, _serverV4), new() { Authority = "mx.test", Tls = new("TLSv1.3", "AES"), HasChecksum = true }),
        Does.Match(("^0d0a0d0a000d0a515549540a 21 11 0035 c0000201 c6336401 dc04 0019 02 0007 6d782e74657374 "
            + "20 0015 01 00000001 21 0007 544c5376312e33 23 0003 414553 03 0004 [0-9a-f]{8}$").Replace(" ", "")));

    [Test]
    public void WriteVersion2_Unspecified_HasItsTlvs() =>
        Assert.That(Version2(new(ProxyHeaderKind.Unknown), new() { Authority = "a" }),
            Is.EqualTo("0d0a0d0a000d0a515549540a 21 00 0004 02 0001 61".Replace(" ", "")));

    [Test]
    public void Write_AnyHeader_IsReadBack()
    {
        var random = new Random(1);
        for (var i = 0; i < 5000; i++)
        {
            var header = ProxyHeader.Of(Any(random), Any(random));
            var tlvs = new ProxyTlvs
            {
                Authority = new string('a', random.Next(3)),
                Tls = random.Next(2) == 0 ? null : new("TLSv1.2", "X"),
                HasChecksum = random.Next(2) == 0,
            };
            Assert.That(ReadBack(output => ProxyHeaderWriter.WriteVersion1(output, header)), Is.EqualTo(header));
            Assert.That(ReadBack(output => ProxyHeaderWriter.WriteVersion2(output, header, tlvs)), Is.EqualTo(header));
        }
    }

    [Test]
    public void WriteVersion2_WithoutAddresses_IsReadBack()
    {
        foreach (var kind in new[] { ProxyHeaderKind.Local, ProxyHeaderKind.Unknown })
            Assert.That(ReadBack(output => ProxyHeaderWriter.WriteVersion2(output, new(kind), ProxyTlvs.None)), Is.EqualTo(new ProxyHeader(kind)));
    }

    private static ProxyEndPoint Any(Random random)
    {
        var octets = new byte[18];
        random.NextBytes(octets);
        var port = BitConverter.ToUInt16(octets, 16);
        return random.Next(2) == 0
            ? new(true, BitConverter.ToUInt32(octets), port)
            : ProxyEndPoint.OfIPv6(BitConverter.ToUInt128(octets) >> random.Next(127), port);
    }

    private static ProxyHeader ReadBack(Action<IBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        var input = new ReadOnlySequence<byte>(output.WrittenMemory);
        Assert.That(ProxyHeaderParser.TryRead(input, acceptUnknown: true, out var header, out var consumed, out var fault),
            Is.EqualTo(ProxyHeaderStatus.Complete), fault);
        Assert.That(input.Slice(consumed).IsEmpty);
        return header;
    }

    private static string Version1(ProxyHeader header)
    {
        var output = new ArrayBufferWriter<byte>();
        ProxyHeaderWriter.WriteVersion1(output, header);
        return Octets.Shown(output.WrittenSpan);
    }

    private static string Version2(ProxyHeader header, ProxyTlvs tlvs)
    {
        var output = new ArrayBufferWriter<byte>();
        ProxyHeaderWriter.WriteVersion2(output, header, tlvs);
        return Convert.ToHexStringLower(output.WrittenSpan);
    }
}
