using System.Buffers;
using SmtpShield.Options;
using SmtpShield.Transport;
using SmtpShield.Transport.Epoll;

namespace SmtpShield.Listening;

/// <summary>Makes the transport that <c>shield_transport</c> asks for.</summary>
internal static class Transports
{
    /// <summary>Makes it, once for the program.</summary>
    /// <param name="choice">Which.</param>
    /// <param name="buffers">Where connections take their buffers from.</param>
    /// <exception cref="TransportException">It was asked for by name, and is not there.</exception>
    public static ITransport Make(TransportChoice choice, ArrayPool<byte> buffers)
    {
        if (choice != TransportChoice.Epoll)
            return new SocketsTransport(buffers);

        var obstacle = "it is there on Linux only";
        return OperatingSystem.IsLinux() && EpollTransport.TryCreate(buffers, out obstacle) is { } epoll ? epoll : throw new TransportException(obstacle);
    }
}
