using System.Buffers.Binary;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Protocol.Proxy;

namespace SmtpShield.Tests.Protocol.Proxy;

[Property("Hazard", "ID-4")]
public partial class ProxyAddressTextTests
{
    private static readonly string[] _ipv4Parts = ["0", "1", "9", "25", "255", "256", "01", "192", ".", ".", ".", ".1", "1.2.3", "x", " ", "-"];
    private static readonly string[] _ipv6Parts =
    [
        "0", "1", "ffff", "FE80", "2001", "10000", "00ab", ":", ":", ":", "::", ":0:0", "1.2.3.4", ":192.0.2.1", "::ffff:", ".", "%1", "[", "]", "g", " ",
    ];

    [Test]
    public void TryParseIPv4_AnyText_IsTheOneSpellingOrRefused() => AnyOctets.Check(_ipv4Parts, static any =>
        ProxyAddressText.TryParseIPv4(any.Octets, out var bits) ? IPAddress.TryParse(any.Text, out var address) && address.ToString() == any.Text
        && bits == Bits(address)
            : !(IPAddress.TryParse(any.Text, out var other) && other.ToString() == any.Text && any.Text.Contains('.')), longest: 8);

    [Test]
    public void TryParseIPv6_AnyText_IsAsTheSystemReadsItOrRefused() => AnyOctets.Check(_ipv6Parts, static any =>
        ProxyAddressText.TryParseIPv6(any.Octets, out var bits) ? IPAddress.TryParse(any.Text, out var address) && bits == Bits(address)
            : !(any.Text.Contains(':') && IsPlainIPv6().IsMatch(any.Text) && IPAddress.TryParse(any.Text, out _)), longest: 10);

    [TestCase("::ffff:192.0.2.1", "::ffff:c000:201")]
    [TestCase("0:0:0:0:0:FFFF:192.0.2.1", "::ffff:c000:201")]
    [TestCase("::192.0.2.1", "::c000:201")]
    [TestCase("64:ff9b::192.0.2.1", "64:ff9b::c000:201")]
    [TestCase("::ffff:0:192.0.2.1", "::ffff:0:c000:201")]
    [TestCase("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304")]
    [TestCase("1::6:1.2.3.4", "1::6:102:304")]
    public void TryParseIPv6_DecimalEnd_IsItsLastTwoGroups(string text, string expected)
    {
        Assert.That(ProxyAddressText.TryParseIPv6(Encoding.ASCII.GetBytes(text), out var bits), Is.True);
        Assert.That(ProxyAddressText.OfIPv6(bits), Is.EqualTo(expected));
    }

    [TestCase("0.0.0.0")]
    [TestCase("255.255.255.255")]
    [TestCase("192.0.2.1")]
    public void OfIPv4_WhatWasRead_IsTheSame(string text)
    {
        Assert.That(ProxyAddressText.TryParseIPv4(Encoding.ASCII.GetBytes(text), out var bits), Is.True);
        Assert.That(ProxyAddressText.OfIPv4(bits), Is.EqualTo(text));
    }

    [TestCase("::", "::")]
    [TestCase("::1", "::1")]
    [TestCase("1::", "1::")]
    [TestCase("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1")]
    [TestCase("2001:0db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1")]
    [TestCase("2001:0:0:1:0:0:0:1", "2001:0:0:1::1")]
    [TestCase("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0")]
    [TestCase("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8")]
    [TestCase("::ffff:c000:201", "::ffff:c000:201")]
    public void OfIPv6_WhatWasRead_IsAsRfc5952HasIt(string text, string expected)
    {
        Assert.That(ProxyAddressText.TryParseIPv6(Encoding.ASCII.GetBytes(text), out var bits), Is.True);
        Assert.That(ProxyAddressText.OfIPv6(bits), Is.EqualTo(expected));
    }

    [Test]
    public void OfIPv6_AnyAddress_IsAsTheSystemWritesItAndReadBack()
    {
        var random = new Random(1);
        for (var i = 0; i < 20000; i++)
        {
            // Many groups of 0, as addresses have them.
            var octets = new byte[16];
            for (var group = 0; group < 8; group++)
            {
                if (random.Next(2) == 0)
                    BinaryPrimitives.WriteUInt16BigEndian(octets.AsSpan(group * 2), (ushort)random.Next(0x10000));
            }

            var address = new IPAddress(octets);
            var text = ProxyAddressText.OfIPv6(Bits(address));
            if (!address.ToString().Contains('.'))
                Assert.That(text, Is.EqualTo(address.ToString()));
            Assert.That(ProxyAddressText.TryParseIPv6(Encoding.ASCII.GetBytes(text), out var bits), Is.True, text);
            Assert.That(bits, Is.EqualTo(Bits(address)), text);
        }
    }

    private static UInt128 Bits(IPAddress address)
    {
        UInt128 bits = 0;
        foreach (var octet in address.GetAddressBytes())
            bits = (bits << 8) | octet;
        return bits;
    }

    // Hexadecimal, or with an IPv4 address behind the last colon that has its one spelling.
    [GeneratedRegex("^([0-9a-fA-F:]+|[0-9a-fA-F:]*:((0|[1-9][0-9]*)\\.){3}(0|[1-9][0-9]*))$")]
    private static partial Regex IsPlainIPv6();
}
