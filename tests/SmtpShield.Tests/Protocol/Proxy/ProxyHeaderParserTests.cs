using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Text;
using SmtpShield.Protocol.Proxy;

namespace SmtpShield.Tests.Protocol.Proxy;

public class ProxyHeaderParserTests
{
    private const string Behind = "EHLO behind⏎";
    private static readonly ProxyHeader _clientV4 = ProxyHeader.Of(EndPoint("192.0.2.1", 56324), EndPoint("198.51.100.1", 25));
    private static readonly ProxyHeader _clientV6 = ProxyHeader.Of(EndPoint("2001:db8::1", 56324), EndPoint("2001:db8::19", 25));

    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25⏎", false)]
    [TestCase("PROXY TCP6 2001:db8::1 2001:db8::19 56324 25⏎", true)]
    [TestCase("PROXY TCP6 2001:0DB8:0:0:0:0:0:1 2001:db8:0000::0019 56324 25⏎", true)]
    [TestCase("PROXY TCP6 ::ffff:c000:201 ::ffff:c633:6401 56324 25⏎", false)]
    [TestCase("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 56324 25⏎", false)]
    [TestCase("PROXY TCP6 ::FFFF:192.0.2.1 0:0:0:0:0:ffff:198.51.100.1 56324 25⏎", false)]
    [TestCase("PROXY TCP6 0000:0000:0000:0000:0000:FFFF:C000:0201 ::ffff:198.51.100.1 56324 25⏎", false)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25␊", false)]
    [TestCase("PROXY TCP6 2001:db8::1 2001:db8::19 56324 25␊", true)]
    [TestCase("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 56324 25␊", false)]
    public void TryRead_Version1_IsTheClient(string line, bool isIPv6) => AssertComplete(Octets.Of(line), isIPv6 ? _clientV6 : _clientV4);

    [Property("Hazard", "ID-4")]
    [TestCase("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535⏎")]
    [TestCase("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535⏎")]
    public void TryRead_Version1AtItsBounds_IsComplete(string line) =>
        Assert.That(Read(new(Octets.Of(line))).Status, Is.EqualTo(ProxyHeaderStatus.Complete));

    [Property("Hazard", "ID-4")]
    [TestCase("PROXY TCP4 01.2.3.4 198.51.100.1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP4 1.2.3 198.51.100.1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP4 1.2.3.4.5 198.51.100.1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP4 1.2.3.256 198.51.100.1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP4 +1.2.3.4 198.51.100.1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP4 0x1.2.3.4 198.51.100.1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP4 16909060 198.51.100.1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP4 ::1 198.51.100.1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP4 192.0.2.1 ::1 1 25⏎", ProxyFaults.BadServerAddress)]
    [TestCase("PROXY TCP6 192.0.2.1 2001:db8::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 2001:db8::1 192.0.2.1 1 25⏎", ProxyFaults.BadServerAddress)]
    [TestCase("PROXY TCP4 ::ffff:192.0.2.1 198.51.100.1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 ::ffff:1.2.3.04 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 ::ffff:1.2.3 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 ::ffff:1.2.3.4.5 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 ::ffff:1.2.3.256 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 :1.2.3.4 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 1.2.3.4:: ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 ::1.2.3.4:1 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 1:2:3:4:5:6:7:1.2.3.4 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 1:2:3:4:5:1.2.3.4 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 ::1:2:3:4:5:6:1.2.3.4 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 [::1] ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 :::1 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 ::1::2 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 1:2:3:4:5:6:7 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 1::2:3:4:5:6:7:8 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 1::2:3:4:5:6:7: ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 :1:2:3:4:5:6:7 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 12345::1 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY  TCP4 192.0.2.1 198.51.100.1 1 25⏎", ProxyFaults.BadProtocolType)]
    [TestCase("PROXY TCP4  192.0.2.1 198.51.100.1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP4 192.0.2.1  198.51.100.1 1 25⏎", ProxyFaults.BadServerAddress)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1  1 25⏎", ProxyFaults.BadClientPort)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 1  25⏎", ProxyFaults.BadServerPort)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 1 25 ⏎", ProxyFaults.BadServerPort)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 1 25 26⏎", ProxyFaults.BadServerPort)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 1 25␍⏎", ProxyFaults.BadServerPort)]
    [TestCase("PROXY TCP4␉192.0.2.1 198.51.100.1 1 25⏎", ProxyFaults.BadProtocolType)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 65536 25⏎", ProxyFaults.BadClientPort)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 1 65536⏎", ProxyFaults.BadServerPort)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 01 25⏎", ProxyFaults.BadClientPort)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 -1 25⏎", ProxyFaults.BadClientPort)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 1 +25⏎", ProxyFaults.BadServerPort)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1 1⏎", ProxyFaults.BadServerPort)]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.1⏎", ProxyFaults.BadClientPort)]
    [TestCase("PROXY TCP4 192.0.2.1⏎", ProxyFaults.BadServerAddress)]
    [TestCase("PROXY TCP4⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY ⏎", ProxyFaults.BadProtocolType)]
    [TestCase("PROXY tcp4 192.0.2.1 198.51.100.1 1 25⏎", ProxyFaults.BadProtocolType)]
    [TestCase("PROXY UDP4 192.0.2.1 198.51.100.1 1 25⏎", ProxyFaults.BadProtocolType)]
    [TestCase("PROXY UNKNOWNS⏎", ProxyFaults.BadProtocolType)]
    [TestCase("PROXY ␊", ProxyFaults.BadProtocolType)]
    public void TryRead_Version1NotExactly_IsMalformed(string line, string fault) => AssertMalformed(Octets.Of(line), fault);

    [Property("Hazard", "ID-14")]
    [TestCase("PROXY TCP6 fe80::1%eth0 ::1 1 25⏎", ProxyFaults.BadClientAddress)]
    [TestCase("PROXY TCP6 ::1 fe80::1%2 1 25⏎", ProxyFaults.BadServerAddress)]
    public void TryRead_ZoneId_IsMalformed(string line, string fault) => AssertMalformed(Octets.Of(line), fault);

    [Property("Hazard", "ID-4")]
    [TestCase(107, true)]
    [TestCase(108, false)]
    public void TryRead_Version1OfLength_IsBounded(int length, bool isComplete)
    {
        var line = Octets.Of("PROXY UNKNOWN ".PadRight(length - 2, 'x') + "⏎");

        foreach (var input in Octets.EverySplit(line))
            Assert.That(Read(input).Status, Is.EqualTo(isComplete ? ProxyHeaderStatus.Complete : ProxyHeaderStatus.Malformed));
    }

    [Property("Hazard", "ID-4")]
    [TestCase(106, false)]
    [TestCase(107, true)]
    public void TryRead_Version1WithoutEnd_IsGivenUpAtItsBound(int length, bool isGivenUp) =>
        Assert.That(Read(new(Octets.Of("PROXY TCP4 ".PadRight(length, '1')))).Status,
            Is.EqualTo(isGivenUp ? ProxyHeaderStatus.Malformed : ProxyHeaderStatus.NeedMore));

    [Property("Hazard", "ID-5")]
    [TestCase("PROXY UNKNOWN⏎")]
    [TestCase("PROXY UNKNOWN␊")]
    [TestCase("PROXY UNKNOWN anything␊")]
    [TestCase("PROXY UNKNOWN anything⏎")]
    [TestCase("PROXY UNKNOWN ffff:: :: 65536 -1 ␍ ⏎")]
    public void TryRead_Version1Unknown_IsAsConfigured(string line)
    {
        AssertComplete(Octets.Of(line), new(ProxyHeaderKind.Unknown));
        AssertMalformed(Octets.Of(line), ProxyFaults.BadProtocolType, acceptUnknown: false);
    }

    [Property("Hazard", "ID-2")]
    [TestCase("EHLO x⏎", ProxyFaults.ShortHeader)]
    [TestCase("EHLO client.example.com⏎", ProxyFaults.UnrecognizedHeader)]
    [TestCase("PROXYTCP4 1.1.1.1 1.1.1.1 1 1⏎", ProxyFaults.UnrecognizedHeader)]
    [TestCase("proxy TCP4 1.1.1.1 1.1.1.1 1 1⏎", ProxyFaults.UnrecognizedHeader)]
    [TestCase("⏎⏎␀⏎QUIT⏎", ProxyFaults.ShortHeader)]
    [TestCase("⏎⏎⏎QUIT␊1234567890", ProxyFaults.UnrecognizedHeader)]
    [TestCase("\u0016\u0003\u0001", ProxyFaults.ShortHeader)]
    public void TryRead_NoHeader_IsMalformedAtItsFirstWrongOctet(string input, string fault)
    {
        var octets = Octets.Of(input);
        AssertMalformed(octets, fault);
        var first = Enumerable.Range(1, octets.Length).First(length => Read(new(octets[..length])).Status != ProxyHeaderStatus.NeedMore);
        Assert.That(!"PROXY "u8.StartsWith(octets.AsSpan(0, first)) && !"\r\n\r\n\0\r\nQUIT\n"u8.StartsWith(octets.AsSpan(0, first)));
        Assert.That("PROXY "u8.StartsWith(octets.AsSpan(0, first - 1)) || "\r\n\r\n\0\r\nQUIT\n"u8.StartsWith(octets.AsSpan(0, first - 1)));
    }

    [TestCase(0, ProxyFaults.NoHeader)]
    [TestCase(1, ProxyFaults.ShortHeader)]
    [TestCase(5, ProxyFaults.ShortHeader)]
    [TestCase(6, ProxyFaults.MissingTerminator)]
    public void TryRead_Version1Truncated_NeedsMoreAndSaysWhatIsMissing(int length, string fault)
    {
        var (status, _, _, found) = Read(new(Octets.Of("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25⏎")[..length]));

        Assert.That((status, found), Is.EqualTo((ProxyHeaderStatus.NeedMore, fault)));
    }

    [Test]
    public void TryRead_Version2_IsTheClient()
    {
        AssertComplete(Version2(0x21, 0x11, AddressesV4), _clientV4);
        AssertComplete(Version2(0x21, 0x21, AddressesV6), _clientV6);
    }

    [Test]
    [Property("Hazard", "ID-13")]
    public void TryRead_Version2WithMappedAddresses_IsIPv4()
    {
        byte[] mapped =
        [
            .. IPAddress.Parse("::ffff:192.0.2.1").GetAddressBytes(), .. IPAddress.Parse("::ffff:198.51.100.1").GetAddressBytes(), .. AddressesV4.AsSpan(8),
        ];

        AssertComplete(Version2(0x21, 0x21, mapped), _clientV4);
    }

    [Test]
    public void TryRead_Version2WithTlvs_SkipsThem()
    {
        AssertComplete(Version2(0x21, 0x11, [.. AddressesV4, 0x04, 0, 0, 0x02, 0, 3, 1, 2, 3, 0xee, 0, 0]), _clientV4);
        AssertComplete(Version2(0x21, 0x21, [.. AddressesV6, 0x04, 0, 0]), _clientV6);
    }

    [Property("Hazard", "ID-6")]
    [TestCase(0x11, 0x11, ProxyFaults.UnrecognizedVersion)]
    [TestCase(0x31, 0x11, ProxyFaults.UnrecognizedVersion)]
    [TestCase(0x01, 0x11, ProxyFaults.UnrecognizedVersion)]
    [TestCase(0x22, 0x11, ProxyFaults.BadCommand)]
    [TestCase(0x2f, 0x11, ProxyFaults.BadCommand)]
    [TestCase(0x21, 0x12, ProxyFaults.UnsupportedNetworkProtocol)]
    [TestCase(0x21, 0x22, ProxyFaults.UnsupportedNetworkProtocol)]
    [TestCase(0x21, 0x31, ProxyFaults.UnsupportedNetworkProtocol)]
    [TestCase(0x21, 0x32, ProxyFaults.UnsupportedNetworkProtocol)]
    [TestCase(0x21, 0x10, ProxyFaults.UnsupportedNetworkProtocol)]
    [TestCase(0x21, 0x01, ProxyFaults.UnsupportedNetworkProtocol)]
    [TestCase(0x21, 0xf0, ProxyFaults.UnsupportedNetworkProtocol)]
    public void TryRead_Version2OfAnotherKind_IsMalformed(byte command, byte family, string fault) =>
        AssertMalformed(Version2(command, family, new byte[216]), fault);

    [Property("Hazard", "ID-6")]
    [TestCase(0x11, 4)]
    [TestCase(0x11, 11)]
    [TestCase(0x21, 12)]
    [TestCase(0x21, 35)]
    public void TryRead_Version2WithoutRoomForAddresses_IsMalformed(byte family, int length) =>
        AssertMalformed(Version2(0x21, family, new byte[length]), ProxyFaults.ShortAddressField);

    [Property("Hazard", "ID-6")]
    [TestCase(0x20, 2048, true)]
    [TestCase(0x20, 2049, false)]
    [TestCase(0x20, 65535, false)]
    [TestCase(0x21, 2048, true)]
    [TestCase(0x21, 2049, false)]
    [TestCase(0x21, 65535, false)]
    public void TryRead_Version2OfLength_IsBounded(byte command, int length, bool isComplete)
    {
        // One TLV fills what the addresses leave.
        byte[] following = [.. AddressesV4, 0x04, (byte)((length - 15) >> 8), (byte)(length - 15), .. new byte[length - 15]];

        Assert.That(Read(new(Version2(command, 0x11, following))).Status, Is.EqualTo(isComplete ? ProxyHeaderStatus.Complete : ProxyHeaderStatus.Malformed));
    }

    [Test]
    [Property("Hazard", "ID-6")]
    public void TryRead_Version2TooLong_IsMalformedBeforeItHasCome() =>
        Assert.That(Read(new(Version2(0x21, 0x11, new byte[2049])[..16])),
            Is.EqualTo((ProxyHeaderStatus.Malformed, default(ProxyHeader), 0L, ProxyFaults.LongVersion2Header)));

    [Test]
    [Property("Hazard", "ID-6")]
    public void TryRead_Version2TruncatedAtAnyOctet_NeedsMoreAndSaysWhatIsMissing()
    {
        var header = Version2(0x21, 0x11, [.. AddressesV4, 0x04, 0, 1, 0]);
        for (var length = 0; length < header.Length; length++)
        {
            var fault = length == 0 ? ProxyFaults.NoHeader : length < 16 ? ProxyFaults.ShortHeader : ProxyFaults.ShortVersion2Header;
            Assert.That(Read(new(header[..length])), Is.EqualTo((ProxyHeaderStatus.NeedMore, default(ProxyHeader), 0L, fault)), $"{length} octets");
        }
    }

    [Property("Hazard", "ID-7")]
    [TestCase(0x00, 0)]
    [TestCase(0x00, 7)]
    [TestCase(0x11, 0)]
    [TestCase(0x11, 5)]
    [TestCase(0x11, 12)]
    [TestCase(0x21, 60)]
    [TestCase(0x31, 216)]
    [TestCase(0xf0, 9)]
    public void TryRead_LocalWithAnyOctets_SkipsThemAll(byte family, int length)
    {
        var following = new byte[length];
        following.AsSpan().Fill(0xff);

        AssertComplete(Version2(0x20, family, following), new(ProxyHeaderKind.Local));
        AssertComplete(Version2(0x20, family, following), new(ProxyHeaderKind.Local), acceptUnknown: false);
    }

    [TestCase(0)]
    [TestCase(12)]
    public void TryRead_Version2Unspecified_IsAsConfigured(int length)
    {
        AssertComplete(Version2(0x21, 0x00, new byte[length]), new(ProxyHeaderKind.Unknown));
        AssertMalformed(Version2(0x21, 0x00, new byte[length]), ProxyFaults.UnsupportedNetworkProtocol, acceptUnknown: false);
    }

    [Property("Hazard", "ID-8")]
    [TestCase("04")]
    [TestCase("0400")]
    [TestCase("040001")]
    [TestCase("04ffff0000000000")]
    [TestCase("04000100040001")]
    [TestCase("030004000000")]
    public void TryRead_TlvBeyondTheHeader_IsMalformed(string tlvs) =>
        AssertMalformed(Version2(0x21, 0x11, [.. AddressesV4, .. Convert.FromHexString(tlvs)]), ProxyFaults.BadTlv);

    [Property("Hazard", "ID-8")]
    [TestCase("0300040000000000", true)]
    [TestCase("0300040000000004000100", false)]
    public void TryRead_Checksum_IsCompared(string tlvs, bool isLast)
    {
        var header = Version2(0x21, 0x11, [.. AddressesV4, .. Convert.FromHexString(tlvs)[..(isLast ? 7 : 11)]]);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(31), Crc32C([.. header.AsSpan(0, 31), 0, 0, 0, 0, .. header.AsSpan(35)]));
        AssertComplete(header, _clientV4);

        for (var at = 16; at < header.Length; at++)
        {
            var damaged = (byte[])header.Clone();
            damaged[at] ^= 1;
            if (at is not (28 or 29 or 30) && at is not (36 or 37))
                Assert.That(Read(new(damaged)).Fault, Is.EqualTo(ProxyFaults.BadChecksum), $"octet {at}");
        }
    }

    [Property("Hazard", "ID-8")]
    [TestCase("03000401020304")]
    [TestCase("0300020102")]
    [TestCase("030000")]
    public void TryRead_WrongChecksum_IsMalformed(string tlvs) =>
        AssertMalformed(Version2(0x21, 0x11, [.. AddressesV4, .. Convert.FromHexString(tlvs)]), ProxyFaults.BadChecksum);

    [Test]
    [Property("Hazard", "ID-8")]
    public void TryRead_TwoChecksums_IsMalformed()
    {
        var header = Version2(0x21, 0x11, [.. AddressesV4, .. Convert.FromHexString("0300040000000003000400000000")]);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(31), Crc32C([.. header.AsSpan(0, 31), 0, 0, 0, 0, .. header.AsSpan(35)]));

        AssertMalformed(header, ProxyFaults.BadChecksum);
    }

    // Bit by bit, as RFC 3720 appendix B.4 checks it: 32 octets of 0 have 0x8a9136aa.
    [Test]
    public void Crc32C_OfTheTest_IsThatOfTheRfc() => Assert.That(Crc32C(new byte[32]), Is.EqualTo(0x8a9136aa));

    [Test]
    public void TryRead_AnyOctets_NeverChangesItsMind() => AnyOctets.Check(
        ["PROXY ", "PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN", "1.2.3.4 ", "::ffff:1.2.3.4 ", "::1 ", "1 ", "2", "\r\n", "\n", "\r", "\r\n\r\n\0\r\nQUIT\n",
            "\x21\x11", "\x20\0", "\0\x0c", "\0\0", "x"],
        static any =>
        {
            // What a part of the input decides, the whole must not undo.
            var whole = Read(any.Sequence);
            for (var length = 0; length < any.Octets.Length; length++)
            {
                var part = Read(new(any.Octets[..length]));
                if (part.Status == ProxyHeaderStatus.Complete && part != whole)
                    return false;
                if (part.Status == ProxyHeaderStatus.Malformed && whole.Status != ProxyHeaderStatus.Malformed)
                    return false;
            }

            return true;
        },
        longest: 12);

    // Headers as proxies write them, whole or with a few octets changed, lost or added.
    [Test]
    public void TryRead_HeaderOfAnySpelling_IsTheSameHoweverItComes()
    {
        var random = new Random(1);
        var found = new Dictionary<ProxyHeaderStatus, int>();
        for (var i = 0; i < 5000; i++)
        {
            var octets = Damaged(random, random.Next(2) == 0 ? AnyVersion1(random) : AnyVersion2(random));
            var whole = Read(new(octets));
            found[whole.Status] = found.GetValueOrDefault(whole.Status) + 1;
            foreach (var input in Octets.EverySplit(octets))
                Assert.That(Read(input), Is.EqualTo(whole), Octets.Shown(octets));

            var decided = (Status: ProxyHeaderStatus.NeedMore, Header: default(ProxyHeader), Consumed: 0L, Fault: "");
            for (var length = 0; length < octets.Length && decided.Status == ProxyHeaderStatus.NeedMore; length++)
                decided = Read(new(octets[..length]));
            if (decided.Status == ProxyHeaderStatus.Complete)
                Assert.That(whole, Is.EqualTo(decided), Octets.Shown(octets));
            else if (decided.Status == ProxyHeaderStatus.Malformed)
                Assert.That(whole.Status, Is.EqualTo(ProxyHeaderStatus.Malformed), Octets.Shown(octets));
        }

        Assert.That(found.Values, Has.Count.EqualTo(3).And.All.GreaterThan(300), "each outcome often");
    }

    private static byte[] Damaged(Random random, byte[] header)
    {
        var octets = header.ToList();
        for (var change = random.Next(4); change > 1; change--)
        {
            var at = random.Next(octets.Count);
            switch (random.Next(4))
            {
                case 0:
                    octets[at] = (byte)random.Next(256);
                    break;
                case 1:
                    octets.RemoveAt(at);
                    break;
                case 2:
                    octets.Insert(at, (byte)" \r\n:.0%\0"[random.Next(8)]);
                    break;
                default:
                    octets.RemoveRange(at + 1, octets.Count - at - 1);
                    break;
            }
        }

        return [.. octets];
    }

    private static byte[] AnyVersion1(Random random)
    {
        string[] ipv4 = ["0.0.0.0", "192.0.2.1", "255.255.255.255", "127.0.0.1"];
        string[] ipv6 =
        [
            "::", "::1", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1", "64:ff9b::1.2.3.4",
            "::1.2.3.4", "1:2:3:4:5:6:7:8",
        ];
        var addresses = random.Next(2) == 0 ? ipv4 : ipv6;
        var line = random.Next(8) == 0 ? "UNKNOWN"
            : $"{(addresses == ipv4 ? "TCP4" : "TCP6")} {addresses[random.Next(addresses.Length)]} {addresses[random.Next(addresses.Length)]} "
                + $"{random.Next(65536)} {random.Next(65536)}";
        return Octets.Of($"PROXY {line}{(random.Next(2) == 0 ? "⏎" : "␊")}{(random.Next(4) == 0 ? Behind : "")}");
    }

    private static byte[] AnyVersion2(Random random)
    {
        var mapped = IPAddress.Parse("::ffff:192.0.2.1").GetAddressBytes();
        byte[] addresses = random.Next(3) switch { 0 => AddressesV4, 1 => AddressesV6, _ => [.. mapped, .. AddressesV6.AsSpan(16)] };
        byte[] tlvs = random.Next(3) switch { 0 => [], 1 => [0x04, 0, 2, 0, 0], _ => [0xea, 0, 3, 1, 2, 3, 0x03, 0, 4, 0, 0, 0, 0] };
        var header = Version2((byte)(random.Next(4) == 0 ? 0x20 : 0x21), (byte)(addresses.Length == AddressesV4.Length ? 0x11 : 0x21), [.. addresses, .. tlvs]);
        if (tlvs.Length > 5)
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(header.Length - 4), Crc32C(header));
        return random.Next(4) == 0 ? [.. header, .. Octets.Of(Behind)] : header;
    }

    private static byte[] AddressesV4 => [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0, 25];

    private static byte[] AddressesV6 =>
    [
        .. IPAddress.Parse("2001:db8::1").GetAddressBytes(), .. IPAddress.Parse("2001:db8::19").GetAddressBytes(), 0xdc, 0x04, 0, 25,
    ];

    private static byte[] Version2(byte command, byte family, ReadOnlySpan<byte> following) =>
        [.. "\r\n\r\n\0\r\nQUIT\n"u8, command, family, (byte)(following.Length >> 8), (byte)following.Length, .. following];

    private static ProxyEndPoint EndPoint(string address, ushort port)
    {
        UInt128 bits = 0;
        var parsed = IPAddress.Parse(address);
        foreach (var octet in parsed.GetAddressBytes())
            bits = (bits << 8) | octet;
        return new(!address.Contains(':'), bits, port);
    }

    private static uint Crc32C(ReadOnlySpan<byte> octets)
    {
        var crc = uint.MaxValue;
        foreach (var octet in octets)
        {
            crc ^= octet;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0x82f63b78;
        }

        return ~crc;
    }

    private static void AssertComplete(byte[] header, ProxyHeader expected, bool acceptUnknown = true)
    {
        // As it comes: octet by octet, then with what the client sends.
        for (var length = 0; length < header.Length; length++)
            Assert.That(Read(new(header[..length]), acceptUnknown).Status, Is.EqualTo(ProxyHeaderStatus.NeedMore), $"{length} octets");
        foreach (var input in Octets.EverySplit(header).Concat(Octets.EverySplit([.. header, .. Octets.Of(Behind)])))
            Assert.That(Read(input, acceptUnknown), Is.EqualTo((ProxyHeaderStatus.Complete, expected, (long)header.Length, ProxyFaults.None)));
    }

    private static void AssertMalformed(byte[] header, string fault, bool acceptUnknown = true)
    {
        foreach (var input in Octets.EverySplit(header))
            Assert.That(Read(input, acceptUnknown), Is.EqualTo((ProxyHeaderStatus.Malformed, Read(input, acceptUnknown).Header, 0L, fault)));
        Assert.That(Read(new([.. header, .. Encoding.ASCII.GetBytes("EHLO x\r\n")]), acceptUnknown).Status, Is.EqualTo(ProxyHeaderStatus.Malformed));
    }

    private static (ProxyHeaderStatus Status, ProxyHeader Header, long Consumed, string Fault) Read(ReadOnlySequence<byte> input, bool acceptUnknown = true)
    {
        var status = ProxyHeaderParser.TryRead(input, acceptUnknown, out var header, out var consumed, out var fault);
        return (status, header, input.Slice(0, consumed).Length, fault);
    }
}
