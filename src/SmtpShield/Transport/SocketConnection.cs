using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace SmtpShield.Transport;

/// <summary>
/// A connected socket as Kestrel's <see cref="ConnectionContext"/>, the same for clients and for MTAs. Where Kestrel's own socket transport has two pipes with
/// a task each between the socket and its reader, this one reads and writes the socket directly: a session waits most of its life, and costs little meanwhile.
/// </summary>
internal sealed class SocketConnection : ConnectionContext, IDuplexPipe, IConnectionSocketFeature
{
    // More than a peer that waits for an answer has sent, and nothing to read in one go.
    private const int MostDropped = 1 << 20;
    private const int DropBuffer = 16 * 1024;

    private static long _lastId;

    private readonly long _number = Interlocked.Increment(ref _lastId);
    private readonly SocketPipeReader _reader;
    private readonly SocketPipeWriter _writer;
    private ConnectionFeatures? _features;
    private IDuplexPipe? _transport;
    private string? _id;
    private int _disposed;

    /// <summary>Takes over a connected socket.</summary>
    public SocketConnection(Socket socket)
    {
        socket.Blocking = false;
        Socket = socket;
        var gate = new Lock();
        _reader = new(socket, gate);
        _writer = new(socket, gate);
    }

    /// <inheritdoc />
    public Socket Socket { get; }

    /// <inheritdoc />
    public PipeReader Input => _reader;

    /// <inheritdoc />
    public PipeWriter Output => _writer;

    /// <inheritdoc />
    public override IDuplexPipe Transport
    {
        get => _transport ?? this;
        set => _transport = value;
    }

    /// <inheritdoc />
    public override string ConnectionId
    {
        get => _id ??= _number.ToString(CultureInfo.InvariantCulture);
        set => _id = value;
    }

    /// <inheritdoc />
    public override IFeatureCollection Features
    {
        get
        {
            if (_features is null)
            {
                _features = new();
                _features.Set<IConnectionSocketFeature>(this);
            }

            return _features;
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
    public override IDictionary<object, object?> Items { get => field ??= new Dictionary<object, object?>(); set; }

    /// <inheritdoc />
    public override void Abort(ConnectionAbortedException abortReason) => Socket.Dispose();

    /// <inheritdoc />
    public override void Abort() => Socket.Dispose();

    /// <summary>
    /// Closes with FIN: what was flushed is still delivered, and what the peer has sent up to now does not turn its end into a reset, read or not (up to
    /// <see cref="MostDropped"/> octets). It does not wait for the peer.
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

    // Closing a socket that has input makes the kernel reset it, although FIN has gone out before (RFC 2525 section 2.17). Before receiving is shut down, too:
    // behind that the kernel would not tell the peer that there is room again, and a peer that sends on would learn of the end a minute later only.
    private void DropInput()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(DropBuffer);
        for (var dropped = 0; dropped < MostDropped && Socket.Receive(buffer, SocketFlags.None, out var error) is > 0 and var count
            && error == SocketError.Success;)
        {
            dropped += count;
        }
        ArrayPool<byte>.Shared.Return(buffer);
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
