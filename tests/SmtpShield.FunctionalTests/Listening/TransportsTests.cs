using System.Buffers;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.FunctionalTests.Listening;

public class TransportsTests
{
    [TestCase(TransportChoice.Sockets, "SocketsTransport")]
    [TestCase(TransportChoice.Auto, "EpollTransport", IncludePlatform = "Linux")]
    [TestCase(TransportChoice.Epoll, "EpollTransport", IncludePlatform = "Linux")]
    [TestCase(TransportChoice.Auto, "SocketsTransport", ExcludePlatform = "Linux")]
    public void Make_OfAChoice_IsTheTransport(TransportChoice choice, string expected)
    {
        var transport = Transports.Make(choice, ArrayPool<byte>.Shared, NullLogger.Instance);
        (transport as IDisposable)?.Dispose();

        Assert.That(transport.GetType().Name, Is.EqualTo(expected));
    }

    [Test, Platform(Exclude = "Linux")]
    public void Make_EpollWhereItIsNot_SaysSo() => Assert.That(
        () => Transports.Make(TransportChoice.Epoll, ArrayPool<byte>.Shared, NullLogger.Instance),
        Throws.InstanceOf<TransportException>().With.Message.EqualTo(
            "shield_transport = epoll can't be used: it is there on Linux only; write shield_transport = auto or sockets"));
}
