using System.Net;
using System.Net.Sockets;
using SmtpShield.Transport;

namespace SmtpShield.FunctionalTests.Transport;

/// <summary>What the kernel lets a transparent socket do. That packets find their way is a matter of three hosts: <c>RouterTests</c>.</summary>
internal sealed class TransparentSocketTests
{
    [TestCase("192.0.2.7")]
    [TestCase("2001:db8::7")]
    public void BindSource_OfAnAddressThatIsNotOurs_IsBound(string address)
    {
        var source = IPAddress.Parse(address);
        using var socket = new Socket(source.AddressFamily, SocketType.Stream, ProtocolType.Tcp);

        TryOrIgnore(() => TransparentSocket.BindSource(socket, source));

        // No port yet: it is chosen when the socket connects.
        Assert.That(socket.LocalEndPoint, Is.EqualTo(new IPEndPoint(source, 0)));
    }

    [TestCase("192.0.2.7")]
    [TestCase("2001:db8::7")]
    public void Allow_BeforeBind_ListensOnAnAddressThatIsNotOurs(string address)
    {
        var local = new IPEndPoint(IPAddress.Parse(address), 2525);
        using var socket = new Socket(local.AddressFamily, SocketType.Stream, ProtocolType.Tcp);

        TryOrIgnore(() => TransparentSocket.Allow(socket));
        socket.Bind(local);
        socket.Listen();

        Assert.That(socket.LocalEndPoint, Is.EqualTo(local));
    }

    [TestCase("192.0.2.7", AddressFamily.InterNetworkV6)]
    [TestCase("2001:db8::7", AddressFamily.InterNetwork)]
    public void BindSource_OfTheOtherIpVersion_Throws(string address, AddressFamily family)
    {
        using var socket = new Socket(family, SocketType.Stream, ProtocolType.Tcp);

        Assert.That(
            () => TransparentSocket.BindSource(socket, IPAddress.Parse(address)),
            Throws.InstanceOf<SocketException>().With.Property(nameof(SocketException.SocketErrorCode)).EqualTo(SocketError.AddressFamilyNotSupported));
    }

    private static void TryOrIgnore(Action action)
    {
        try
        {
            action();
        }
        catch (TransparentSocketException error)
        {
            Assert.Ignore(error.Message);
        }
    }
}
