using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Upstream;

/// <summary>The real network: sockets become connections through Kestrel's own factory, so that both sides of a session are the same kind of thing.</summary>
internal sealed class SocketTransport(ILoggerFactory loggers) : IUpstreamTransport, IDisposable
{
    private readonly SocketConnectionContextFactory _connections = new(
        new SocketConnectionFactoryOptions
        {
            // Completions run where the socket engine is: no hop to the thread pool for each read and write.
            UnsafePreferInlineScheduling = true,
            // A session that waits holds no buffer.
            WaitForDataBeforeAllocatingBuffer = true,
            MaxReadBufferSize = 64 * 1024,
            // One byte pauses the writer until all of it is sent: a completed flush means the kernel has the bytes.
            MaxWriteBufferSize = 1,
        },
        loggers.CreateLogger<SocketTransport>());

    /// <inheritdoc/>
    public async ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) =>
        await Dns.GetHostAddressesAsync(host, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext> ConnectAsync(IPEndPoint endpoint, CancellationToken cancellationToken)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.NoDelay = true;
            await socket.ConnectAsync(endpoint, cancellationToken);
            return _connections.Create(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _connections.Dispose();
}
