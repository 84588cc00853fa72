using System.Net;
using SmtpShield.Clients;

namespace SmtpShield.Tests.Clients;

public class ClientIdentityTests
{
    [TestCase("192.0.2.7", "192.0.2.7")]
    [TestCase("::ffff:192.0.2.7", "192.0.2.7")]
    [TestCase("2001:DB8::A", "2001:db8::a")]
    [TestCase("fe80::1%3", "fe80::1")]
    public void AddressText_OfAPeer_IsAsPostfixWritesIt(string address, string expected)
    {
        var client = new ClientIdentity(new IPEndPoint(IPAddress.Parse(address), 40000));

        Assert.That((client.AddressText, client.NameAddress, client.Port), Is.EqualTo((expected, $"unknown[{expected}]", 40000)));
        Assert.That(client.Range, Is.EqualTo(ClientRange.Of(IPAddress.Parse(expected), 32, 64)));
    }

    // ID-15: whoever has a network cannot be a new client with each of its addresses.
    [TestCase("2001:db8:0:1::", 84, 1)]
    [TestCase("2001:db8:0:1::", 64, 1)]
    [TestCase("2001:db8:0:1::", 122, 16)]
    [TestCase("2001:db8:0:1::", 128, 1000)]
    public void Range_ThousandAddressesOfANetwork_AreOneClientPerPrefix(string network, int prefixLength, int clients)
    {
        var octets = IPAddress.Parse(network).GetAddressBytes();
        var ranges = new HashSet<ClientRange>();
        for (var i = 0; i < 1000; i++)
        {
            (octets[14], octets[15]) = ((byte)(i >> 8), (byte)i);
            ranges.Add(new ClientIdentity(new IPEndPoint(new IPAddress(octets), 1), anvil: new() { ClientIPv6PrefixLength = prefixLength }).Range);
        }

        Assert.That(ranges, Has.Count.EqualTo(clients));
    }

    [TestCase("::ffff:192.0.2.7", 24, "192.0.2.0")]
    [TestCase("192.0.2.7", 32, "192.0.2.7")]
    [TestCase("192.0.2.7", 0, "0.0.0.0")]
    public void Range_OfAnIPv4Client_HasTheIPv4PrefixLength(string address, int prefixLength, string network) => Assert.That(
        new ClientIdentity(new IPEndPoint(IPAddress.Parse(address), 1),
            anvil: new() { ClientIPv4PrefixLength = prefixLength, ClientIPv6PrefixLength = 7 }).Range,
        Is.EqualTo(ClientRange.Of(IPAddress.Parse(network), prefixLength, 7)));

    [Test]
    public void NameAddress_OfANamedClient_HasTheName() => Assert.That(
        new ClientIdentity(new IPEndPoint(IPAddress.Parse("::ffff:192.0.2.7"), 1), "mx.example.com").NameAddress, Is.EqualTo("mx.example.com[192.0.2.7]"));
}
