using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using SmtpShield.Transport;

namespace SmtpShield.Listening;

/// <summary>
/// A listener whose connections are served here. Kestrel, which asks it for connections, gets none until the end: it would put each into the pool's queue, for
/// a thread to be woken, where the thread that tells of the connection's socket can begin with it at once (decision 96).
/// </summary>
/// <param name="listener">Accepts; owned.</param>
/// <param name="pipeline">What happens to a connection.</param>
/// <param name="connections">Those that are served.</param>
internal sealed class ServingListener(IConnectionListener listener, ConnectionDelegate pipeline, ServedConnections connections) : IConnectionListener
{
    /// <inheritdoc/>
    public EndPoint EndPoint => listener.EndPoint;

    /// <inheritdoc/>
    /// <returns>Null, when it accepts no more.</returns>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await listener.AcceptAsync(cancellationToken) is { } connection)
            connection.Features.GetRequiredFeature<IConnectedSocket>().Start(connections.Add(connection, pipeline));
        return null;
    }

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => listener.UnbindAsync(cancellationToken);

    /// <summary>Closes it, and cuts off what is still served.</summary>
    public async ValueTask DisposeAsync()
    {
        await listener.DisposeAsync();
        connections.Abort();
    }
}
