using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace SmtpShield.Transport;

/// <summary>.NET's sockets: one thread of the system's waits for all of them, and the pool's threads go on.</summary>
/// <param name="buffers">Where connections take their buffers from.</param>
internal sealed class SocketsTransport(ArrayPool<byte> buffers) : ITransport
{
    /// <inheritdoc />
    public IAcceptor Accept(Socket socket) => new Acceptor(socket, buffers);

    /// <inheritdoc />
    public async ValueTask<ConnectionContext> ConnectAsync(
        IPEndPoint endpoint, IPAddress? source, IConnectedSocket? beside, CancellationToken cancellationToken)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.NoDelay = true;
            if (source is not null)
                TransparentSocket.BindSource(socket, source);
            await socket.ConnectAsync(endpoint, cancellationToken);
            return new SocketConnection(socket, buffers);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private sealed class Acceptor(Socket socket, ArrayPool<byte> buffers) : IAcceptor
    {
        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken)
        {
            var client = await socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                client.NoDelay = true;
                return new SocketConnection(client, buffers);
            }
            catch (SocketException)
            {
                client.Dispose();
                return null;
            }
        }

        public void Dispose()
        {
            // Closing the socket has ended the wait.
        }
    }
}
