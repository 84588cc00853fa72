using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace SmtpShield.Transport;

/// <summary>A connection over one of .NET's sockets.</summary>
internal sealed class SocketConnection : TransportConnection, IConnectionSocketFeature
{
    private readonly ManagedSocketReader _reader;
    private readonly ManagedSocketWriter _writer;
    private int _disposed;

    /// <summary>Takes over a connected socket.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="buffers">Where buffers come from.</param>
    public SocketConnection(Socket socket, ArrayPool<byte> buffers)
    {
        socket.Blocking = false;
        Socket = socket;
        var gate = new Lock();
        _reader = new(socket, gate, buffers);
        _writer = new(socket, gate, buffers);
    }

    /// <inheritdoc />
    public Socket Socket { get; }

    /// <inheritdoc />
    public override PipeReader Input => _reader;

    /// <inheritdoc />
    public override PipeWriter Output => _writer;

    /// <inheritdoc />
    public override bool HasInput
    {
        get
        {
            try
            {
                return Socket.Available > 0;
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }
    }

    /// <inheritdoc />
    public override EndPoint? LocalEndPoint
    {
        get => field ??= Known(Socket, static socket => socket.LocalEndPoint);
        set;
    }

    /// <inheritdoc />
    public override EndPoint? RemoteEndPoint
    {
        get => field ??= Known(Socket, static socket => socket.RemoteEndPoint);
        set;
    }

    /// <inheritdoc />
    public override void Abort() => Socket.Dispose();

    /// <inheritdoc />
    public override void Start(IThreadPoolWorkItem serve) => ThreadPool.UnsafeQueueUserWorkItem(serve, preferLocal: false);

    /// <inheritdoc />
    public override void EndSending()
    {
        _reader.TakeFailureForEnd();
        try
        {
            Socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The peer is gone.
        }
    }

    /// <inheritdoc />
    public override void Reset()
    {
        try
        {
            Socket.LingerState = new(enable: true, seconds: 0);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The peer is gone.
        }

        Abort();
    }

    /// <summary>
    /// Closes with FIN: what was flushed is still delivered, and what the peer has sent up to now does not turn its end into a reset, read or not (see
    /// <see cref="TransportConnection.DropInput"/>). It does not wait for the peer.
    /// </summary>
    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;

        try
        {
            // Closing a socket under a receive or a send makes .NET reset it, and the reset can overtake what was sent; a shutdown ends them first
            // (dotnet/runtime #43385).
            Socket.Shutdown(SocketShutdown.Send);
            DropInput();
            Socket.Shutdown(SocketShutdown.Both);
            await _reader.WhenIdleAsync().ConfigureAwait(false);
            await _writer.WhenIdleAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The peer has reset the connection, or it was aborted.
        }

        Socket.Dispose();
        _reader.Close();
        _writer.Close();
        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc />
    protected override void AddFeatures(IFeatureCollection features)
    {
        base.AddFeatures(features);
        features.Set<IConnectionSocketFeature>(this);
    }

    /// <inheritdoc />
    protected override int ReceiveNow(Span<byte> buffer)
    {
        var count = Socket.Receive(buffer, SocketFlags.None, out var error);
        return error == SocketError.Success ? count : 0;
    }

    // A peer that has already gone has no address any more.
    private static EndPoint? Known(Socket socket, Func<Socket, EndPoint?> endpoint)
    {
        try
        {
            return endpoint(socket);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }
}
