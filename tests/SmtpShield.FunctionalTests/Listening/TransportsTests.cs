using System.Buffers;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.FunctionalTests.Listening;

public class TransportsTests
{
    [TestCase(TransportChoice.Sockets, "SocketsTransport")]
    [TestCase(TransportChoice.Auto, "SocketsTransport")]
    [TestCase(TransportChoice.Epoll, "EpollTransport", IncludePlatform = "Linux")]
    public void Make_OfAChoice_IsTheTransport(TransportChoice choice, string expected)
    {
        var transport = Transports.Make(choice, ArrayPool<byte>.Shared);
        (transport as IDisposable)?.Dispose();

        Assert.That(transport.GetType().Name, Is.EqualTo(expected));
    }

    [Test, Platform(Exclude = "Linux")]
    public void Make_EpollWhereItIsNot_SaysSo() => Assert.That(
        () => Transports.Make(TransportChoice.Epoll, ArrayPool<byte>.Shared),
        Throws.InstanceOf<TransportException>().With.Message.EqualTo(
            "shield_transport = epoll can't be used: it is there on Linux only; write shield_transport = auto or sockets"));
}
