using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SmtpShield.Hosting;
using SmtpShield.Transport;

namespace SmtpShield.Listening;

/// <summary>
/// Binds Kestrel's endpoints to our socket transport, with three more reasons not to accept: no room for another session of the service, no room in the
/// process, and the program is stopping.
/// </summary>
/// <remarks>To be registered after Kestrel's own, which it takes precedence over then.</remarks>
internal sealed class ProcessLimitListenerFactory(
    ServiceScopes services, ConnectionRoom room, IOpenSessions sessions, ConnectionDrain drain, ListenSockets sockets, ITransport transport, AcceptLoops loops,
    TimeProvider time, ILogger<SocketListener> log, ILogger<ServedConnections> served)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => endpoint is ServiceEndPoint;

    /// <inheritdoc/>
    /// <exception cref="EndpointBindException">It cannot be bound; the message says what to do.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            var ours = (ServiceEndPoint)endpoint;
            var limit = services.Of(ours.Service).GetRequiredService<ProcessLimit>();
            var socket = sockets.Listen(endpoint, ours.Service);
            var listener = new SocketListener(socket, transport.Accept(socket), time, log);
            var limited = new ProcessLimitListener(listener, limit, room, sessions, drain, loops.Add(endpoint), time);
            return new(new ServingListener(limited, ours.Pipeline, new ServedConnections(served)));
        }
        catch (SocketException e)
        {
            throw new EndpointBindException(endpoint, e);
        }
    }
}
