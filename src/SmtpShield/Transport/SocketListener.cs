using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Transport;

/// <summary>Accepts on a listening socket.</summary>
/// <param name="socket">Listens already; owned.</param>
/// <param name="acceptor">Takes connections from it; owned.</param>
/// <param name="time">The clock.</param>
/// <param name="log">The log.</param>
internal sealed partial class SocketListener(Socket socket, IAcceptor acceptor, TimeProvider time, ILogger<SocketListener> log)
    : IConnectionListener, IListenQueue
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <inheritdoc />
    public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

    /// <inheritdoc />
    public bool IsAnyoneWaiting
    {
        get
        {
            try
            {
                return socket.Poll(TimeSpan.Zero, SelectMode.SelectRead);
            }
            catch (ObjectDisposedException)
            {
                return false;
            }
        }
    }

    /// <inheritdoc />
    /// <returns>The next connection; null when the listener was closed.</returns>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                if (await acceptor.AcceptAsync(cancellationToken).ConfigureAwait(false) is { } connection)
                    return connection;
            }
            catch (ObjectDisposedException)
            {
                return null;
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.OperationAborted)
            {
                return null;
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
            {
                // The client went away while it waited in the queue.
            }
            catch (SocketException exception)
            {
                // Clients wait in the queue until there is room again; asking at once would only burn the processor.
                Log.AcceptFailed(log, exception.Message);
                await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <inheritdoc />
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        socket.Dispose();
        acceptor.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => UnbindAsync();

    private static partial class Log
    {
        [LoggerMessage(1900, LogLevel.Warning, "accept: {Reason}; trying again in a second (a session needs two open files: ulimit -n, systemd LimitNOFILE=)",
            EventName = "AcceptFailed")]
        public static partial void AcceptFailed(ILogger logger, string reason);
    }
}
