using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace SmtpShield.Listening;

/// <summary>
/// Kestrel's socket transport, with two more reasons not to accept: no room for another session, and the program is stopping.
/// </summary>
/// <remarks>To be registered after Kestrel's own, which it takes precedence over then.</remarks>
internal sealed class ProcessLimitListenerFactory(ProcessLimit limit, ConnectionDrain drain, IOptions<SocketTransportOptions> options, ILoggerFactory logging)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportFactory _sockets = new(options, logging);

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => _sockets.CanBind(endpoint);

    /// <inheritdoc/>
    /// <exception cref="EndpointBindException">It cannot be bound; the message says what to do.</exception>
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            return new ProcessLimitListener(await _sockets.BindAsync(endpoint, cancellationToken), limit, drain);
        }
        // Kestrel wraps an address in use into an exception of its own.
        catch (AddressInUseException e) when (e.InnerException is SocketException inner)
        {
            throw new EndpointBindException(endpoint, inner);
        }
        catch (SocketException e)
        {
            throw new EndpointBindException(endpoint, e);
        }
    }
}
