using System.Net;
using SmtpShield.Clients;

namespace SmtpShield.Tests.Clients;

public class ProxyEndPointsTests
{
    [TestCase("192.0.2.1", "192.0.2.1")]
    [TestCase("::ffff:192.0.2.1", "192.0.2.1")]
    [TestCase("2001:db8::1", "2001:db8::1")]
    [TestCase("fe80::1%2", "fe80::1")]
    [TestCase("::", "::")]
    [TestCase("0.0.0.0", "0.0.0.0")]
    [Property("Hazard", "ID-13")]
    [Property("Hazard", "ID-14")]
    public void ToProxyEndPoint_AndBack_IsTheSameClient(string address, string expected) =>
        Assert.That(new IPEndPoint(IPAddress.Parse(address), 65535).ToProxyEndPoint().ToIPEndPoint(),
            Is.EqualTo(new IPEndPoint(IPAddress.Parse(expected), 65535)));
}
