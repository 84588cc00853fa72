using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using SmtpShield.Listening;

namespace SmtpShield.Control;

/// <summary>Sockets that operators and monitoring connect to.</summary>
internal static class TcpListener
{
    /// <summary>Makes one that listens, or takes the one this process was given.</summary>
    /// <param name="endpoint">Where.</param>
    /// <param name="inherited">What it was given.</param>
    /// <param name="socket">The socket.</param>
    /// <param name="reason">Why there is none.</param>
    public static bool TryBind(IPEndPoint endpoint, InheritedSockets inherited, [NotNullWhen(true)] out Socket? socket, out string reason)
    {
        reason = "";
        socket = inherited.Take(endpoint);
        if (socket is not null)
            return true;
        try
        {
            socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            if (endpoint.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = false;
            socket.Bind(endpoint);
            // Two may be bound to the same port as long as neither listens.
            socket.Listen(ControlSocket.Backlog);
            return true;
        }
        catch (SocketException e)
        {
            socket?.Dispose();
            (socket, reason) = (null, e.Message);
            return false;
        }
    }
}
