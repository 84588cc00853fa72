using System.Net;
using SmtpShield.Clients;

namespace SmtpShield.Tests.Clients;

public class ClientRangeTests
{
    [TestCase("192.0.2.7", "192.0.2.7", 32, 128, true)]
    [TestCase("192.0.2.7", "192.0.2.8", 32, 128, false)]
    [TestCase("192.0.2.7", "192.0.2.6", 31, 128, true)]
    [TestCase("192.0.2.7", "192.0.2.8", 31, 128, false)]
    [TestCase("192.0.2.7", "192.0.2.255", 24, 128, true)]
    [TestCase("192.0.2.7", "192.0.3.7", 24, 128, false)]
    [TestCase("0.0.0.1", "255.255.255.255", 0, 128, true)]
    [TestCase("127.0.0.1", "128.0.0.1", 1, 128, false)]
    [TestCase("2001:db8::1", "2001:db8::2", 32, 128, false)]
    [TestCase("2001:db8::1", "2001:db8::fff:ffff:ffff", 32, 84, true)]
    [TestCase("2001:db8::1", "2001:db8::1000:0:1", 32, 84, false)]
    [TestCase("2001:db8::1", "2001:db8:0:0:ffff::", 32, 64, true)]
    [TestCase("2001:db8::1", "2001:db8:0:1::1", 32, 64, false)]
    [TestCase("::1", "ffff::", 32, 0, true)]
    [TestCase("::1", "8000::1", 32, 1, false)]
    [TestCase("::ffff:192.0.2.7", "192.0.2.7", 32, 128, true)]
    [TestCase("::ffff:192.0.2.7", "192.0.2.99", 24, 128, true)]
    [TestCase("fe80::1%3", "fe80::1%4", 32, 128, true)]
    [TestCase("fe80::1%3", "fe80::1", 32, 128, true)]
    [TestCase("::c000:207", "192.0.2.7", 32, 128, false)]
    [TestCase("0.0.0.0", "::", 0, 0, false)]
    public void Of_TwoAddresses_AreOneClientWithinThePrefix(string one, string other, int ipv4PrefixLength, int ipv6PrefixLength, bool expected) =>
        Assert.That(
            ClientRange.Of(IPAddress.Parse(one), ipv4PrefixLength, ipv6PrefixLength) == ClientRange.Of(
                IPAddress.Parse(other), ipv4PrefixLength, ipv6PrefixLength),
            Is.EqualTo(expected));

    [Test]
    public void Of_OtherPrefixLength_IsAnotherKey() =>
        Assert.That(ClientRange.Of(IPAddress.Parse("10.0.0.0"), 8, 128), Is.Not.EqualTo(ClientRange.Of(IPAddress.Parse("10.0.0.0"), 32, 128)));

    [TestCase("192.0.2.7", 32, 128, "192.0.2.7")]
    [TestCase("192.0.2.7", 31, 128, "192.0.2.6/31")]
    [TestCase("192.0.2.7", 0, 128, "0.0.0.0/0")]
    [TestCase("255.255.255.255", 32, 128, "255.255.255.255")]
    [TestCase("2001:DB8::1", 32, 128, "2001:db8::1")]
    [TestCase("2001:db8::1", 32, 84, "2001:db8::/84")]
    [TestCase("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 32, 84, "2001:db8:ffff:ffff:ffff:f000::/84")]
    [TestCase("::1", 32, 32, "::/32", Description = "32 is the full length of the other family")]
    [TestCase("::", 32, 128, "::")]
    public void ToString_Range_IsTheAddressOrNetworkAndLength(string address, int ipv4PrefixLength, int ipv6PrefixLength, string expected) =>
        Assert.That(ClientRange.Of(IPAddress.Parse(address), ipv4PrefixLength, ipv6PrefixLength).ToString(), Is.EqualTo(expected));
}
