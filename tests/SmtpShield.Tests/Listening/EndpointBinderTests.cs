using System.Net;
using System.Net.Sockets;
using SmtpShield.Listening;
using SmtpShield.Transport;

namespace SmtpShield.Tests.Listening;

public class EndpointBinderTests
{
    [TestCase("0.0.0.0:25 [::]:25", true, "0.0.0.0:25 [::]:25")]
    [TestCase("0.0.0.0:25 [::]:25", false, "0.0.0.0:25")]
    [TestCase("[::]:25", false, "[::]:25")]
    [TestCase("0.0.0.0:25 [2001:db8::1]:25", false, "0.0.0.0:25 [2001:db8::1]:25")]
    public void Usable_HostWithAndWithoutIPv6_LeavesOutOnlyTheWildcard(string endpoints, bool hasIPv6, string usable) =>
        Assert.That(string.Join(' ', EndpointBinder.Usable([.. endpoints.Split(' ').Select(IPEndPoint.Parse)], hasIPv6)), Is.EqualTo(usable));

    [TestCase(SocketError.AddressAlreadyInUse, "Address already in use; stop the program that listens there (ss -ltnp 'sport = :25' names it), move it, "
        + "or change shield_listen")]
    [TestCase(SocketError.AccessDenied, "Permission denied; a port below 1024 needs the capability CAP_NET_BIND_SERVICE (systemd: "
        + "AmbientCapabilities=CAP_NET_BIND_SERVICE) or root")]
    [TestCase(SocketError.AddressNotAvailable, "Cannot assign requested address; no interface of this host has it, change shield_listen")]
    [TestCase(SocketError.AddressFamilyNotSupported, "Address family not supported; this host has no such protocol, remove it from shield_listen")]
    public void Message_BindError_NamesEndpointAndRemedyInOneLine(SocketError error, string reason) =>
        Assert.That(new EndpointBindException(IPEndPoint.Parse("0.0.0.0:25"), new SocketException((int)error)).Message,
            Is.EqualTo($"bind 0.0.0.0 port 25: {reason}"));

    [Test]
    public void Message_SocketMayNotBeTransparent_NamesTheParameterAndTheCapability() =>
        Assert.That(
            new EndpointBindException(IPEndPoint.Parse("127.0.0.1:10025"),
                new TransparentSocketException(SocketError.AccessDenied, "needs CAP_NET_ADMIN")).Message,
            Is.EqualTo("bind 127.0.0.1 port 10025: shield_listen_transparent: needs CAP_NET_ADMIN"));
}
