using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Microsoft.AspNetCore.Connections;

namespace SmtpShield.Transport.Epoll;

/// <summary>Loops of our own over epoll(7) wait for sockets, and go on with what waits for them on their own threads.</summary>
[SupportedOSPlatform("linux")]
internal sealed class EpollTransport : ITransport, IDisposable
{
    private readonly EpollLoops _loops = new(Environment.ProcessorCount);
    private readonly ArrayPool<byte> _buffers;

    private EpollTransport(ArrayPool<byte> buffers) => _buffers = buffers;

    /// <summary>Makes one, if this system can.</summary>
    /// <param name="buffers">Where connections take their buffers from.</param>
    /// <param name="obstacle">Otherwise why not.</param>
    public static EpollTransport? TryCreate(ArrayPool<byte> buffers, out string obstacle)
    {
        obstacle = "";
        if (!LinuxConstants.AreKnown)
        {
            obstacle = "it is there on Linux only, on x64 and arm64";
            return null;
        }

        try
        {
            if (EpollSelfCheck.Passes())
                return new(buffers);
            obstacle = "this system's epoll(7) is not as expected";
        }
        catch (Exception exception) when (exception is SocketException or DllNotFoundException or EntryPointNotFoundException)
        {
            obstacle = exception.Message;
        }

        return null;
    }

    /// <inheritdoc />
    public IAcceptor Accept(Socket socket) => new EpollAcceptor(socket, _loops, _buffers);

    /// <inheritdoc />
    public async ValueTask<ConnectionContext> ConnectAsync(
        IPEndPoint endpoint, IPAddress? source, IConnectedSocket? beside, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var loop = (beside as EpollConnection)?.Loop ?? _loops.Pick();
        var connection = Begin(endpoint, source, loop, out var connecting);
        if (connecting is null)
            return connection;

        try
        {
            await using (cancellationToken.UnsafeRegister(static (connecting, token) => ((TaskCompletionSource)connecting!).TrySetCanceled(token), connecting))
                await connecting.Task;
            return connection;
        }
        catch
        {
            connection.Abort();
            throw;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _loops.Dispose();

    private EpollConnection Begin(IPEndPoint endpoint, IPAddress? source, EpollLoop loop, out TaskCompletionSource? connecting)
    {
        var socket = SocketCalls.Create(endpoint.AddressFamily);
        try
        {
            if (source is not null)
                BindSource(socket, source);
            connecting = SocketCalls.Connect(socket, endpoint) ? null : new();
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        return new(socket, endpoint, loop, _buffers, connecting);
    }

    // A view of it for the time of the call.
    private static void BindSource(Descriptor socket, IPAddress source)
    {
        using var view = new Socket(new SafeSocketHandle(socket.DangerousGetHandle(), ownsHandle: false));
        TransparentSocket.BindSource(view, source);
    }
}
