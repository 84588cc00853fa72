using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Configuration;
using SmtpShield.Transport;

namespace SmtpShield.Listening;

/// <summary>
/// Binds Kestrel's endpoints to our socket transport, with two more reasons not to accept: no room for another session, and the program is stopping.
/// </summary>
/// <remarks>To be registered after Kestrel's own, which it takes precedence over then.</remarks>
internal sealed class ProcessLimitListenerFactory(ProcessLimit limit, ConnectionDrain drain, ListenSockets sockets, ShieldSnapshot snapshot, TimeProvider time, ILogger<SocketListener> log)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint;

    /// <inheritdoc/>
    /// <exception cref="EndpointBindException">It cannot be bound; the message says what to do.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            var socket = sockets.CreateBound(endpoint);

            // Linux lets one more in than it says. It also cuts it to net.core.somaxconn (4096).
            socket.Listen(snapshot.Current.Listener.DefaultProcessLimit);
            return new(new ProcessLimitListener(new SocketListener(socket, time, log), limit, drain));
        }
        catch (SocketException e)
        {
            throw new EndpointBindException(endpoint, e);
        }
    }
}
