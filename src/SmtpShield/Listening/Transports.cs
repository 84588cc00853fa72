using System.Buffers;
using Microsoft.Extensions.Logging;
using SmtpShield.Options;
using SmtpShield.Transport;
using SmtpShield.Transport.Epoll;

namespace SmtpShield.Listening;

/// <summary>Makes the transport that <c>shield_transport</c> asks for.</summary>
internal static partial class Transports
{
    /// <summary>Makes it, once for the program.</summary>
    /// <param name="choice">Which.</param>
    /// <param name="buffers">Where connections take their buffers from.</param>
    /// <param name="log">Told when it is not the one there usually is.</param>
    /// <exception cref="TransportException">It was asked for by name, and is not there.</exception>
    public static ITransport Make(TransportChoice choice, ArrayPool<byte> buffers, ILogger log)
    {
        if (choice == TransportChoice.Sockets || (choice == TransportChoice.Auto && !OperatingSystem.IsLinux()))
            return new SocketsTransport(buffers);

        var obstacle = "it is there on Linux only";
        if (OperatingSystem.IsLinux() && EpollTransport.TryCreate(buffers, out obstacle) is { } epoll)
            return epoll;
        if (choice == TransportChoice.Epoll)
            throw new TransportException(obstacle);

        Log.EpollNotUsed(log, obstacle);
        return new SocketsTransport(buffers);
    }

    private static partial class Log
    {
        [LoggerMessage(1055, LogLevel.Information, "shield_transport: .NET's sockets are used, epoll can't be: {Obstacle}", EventName = "EpollNotUsed")]
        public static partial void EpollNotUsed(ILogger logger, string obstacle);
    }
}
