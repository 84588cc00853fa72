using Microsoft.Extensions.Logging;
using SmtpShield.Options;
using SmtpShield.Transport;
using SmtpShield.Transport.Epoll;

namespace SmtpShield.Listening;

/// <summary>Makes the transport that <c>shield_transport</c> asks for.</summary>
internal static partial class Transports
{
    /// <summary>Makes it, once for the program.</summary>
    /// <exception cref="TransportException">It was asked for by name, and is not there.</exception>
    public static ITransport Make(TransportChoice choice, ILogger log)
    {
        if (choice == TransportChoice.Sockets || (choice == TransportChoice.Auto && !OperatingSystem.IsLinux()))
            return new SocketsTransport();

        var obstacle = "it is there on Linux only";
        if (OperatingSystem.IsLinux() && EpollTransport.TryCreate(out obstacle) is { } epoll)
            return epoll;
        if (choice == TransportChoice.Epoll)
            throw new TransportException(obstacle);

        Log.EpollNotUsed(log, obstacle);
        return new SocketsTransport();
    }

    private static partial class Log
    {
        [LoggerMessage(1055, LogLevel.Information, "shield_transport: .NET's sockets are used, epoll can't be: {Obstacle}", EventName = "EpollNotUsed")]
        public static partial void EpollNotUsed(ILogger logger, string obstacle);
    }
}
