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
        Assert.That(client.Range, Is.EqualTo(ClientRange.Of(IPAddress.Parse(expected), 32, 128)));
    }
}
