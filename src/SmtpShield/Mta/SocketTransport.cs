using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Transport;

namespace SmtpShield.Mta;

/// <summary>The real network: sockets become connections as those of clients do, so that both sides of a session are the same kind of thing.</summary>
internal sealed class SocketTransport : IUpstreamTransport
{
    /// <inheritdoc/>
    public async ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) =>
        await Dns.GetHostAddressesAsync(host, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext> ConnectAsync(IPEndPoint endpoint, IPAddress? source, CancellationToken cancellationToken)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.NoDelay = true;
            if (source is not null)
                TransparentSocket.BindSource(socket, source);
            await socket.ConnectAsync(endpoint, cancellationToken);
            return new SocketConnection(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
