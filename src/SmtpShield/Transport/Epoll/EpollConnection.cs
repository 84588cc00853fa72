using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;

namespace SmtpShield.Transport.Epoll;

/// <summary>
/// A connection whose socket a loop tells of. Reads and flushes that had to wait are completed on the loop's thread, so a session stays on it unless something
/// else wakes it.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class EpollConnection : TransportConnection, IEpollHandler
{
    private const uint Readable = LinuxConstants.EpollIn | Last;
    private const uint Writable = LinuxConstants.EpollOut | LinuxConstants.EpollError | LinuxConstants.EpollHangUp;

    // What is not told again when it stands behind octets.
    private const uint Last = LinuxConstants.EpollReadHangUp | LinuxConstants.EpollHangUp | LinuxConstants.EpollError | LinuxConstants.EpollPriority;

    private readonly Lock _gate = new();
    private readonly Descriptor _socket;
    private readonly EpollReader _reader;
    private readonly EpollWriter _writer;
    private readonly ulong _number;
    private TaskCompletionSource? _connecting;
    private IThreadPoolWorkItem? _start;
    private bool _isTold;
    private bool _hasEndedSending;
    private int _disposed;

    /// <summary>Takes over a socket, also when it throws.</summary>
    /// <param name="socket">Connected, or about to be.</param>
    /// <param name="peer">Its other end.</param>
    /// <param name="loop">Tells of it.</param>
    /// <param name="buffers">Where buffers come from.</param>
    /// <param name="connecting">Told how the connect under way ends; null: it is connected.</param>
    /// <exception cref="SocketException">The loop can't.</exception>
    public EpollConnection(Descriptor socket, IPEndPoint? peer, EpollLoop loop, ArrayPool<byte> buffers, TaskCompletionSource? connecting = null)
    {
        _socket = socket;
        Loop = loop;
        _reader = new(socket, _gate, buffers);
        _writer = new(socket, _gate, buffers);
        _connecting = connecting;
        RemoteEndPoint = peer;
        try
        {
            _number = loop.Add(socket, this);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Tells of its socket.</summary>
    public EpollLoop Loop { get; }

    /// <inheritdoc />
    public override PipeReader Input => _reader;

    /// <inheritdoc />
    public override PipeWriter Output => _writer;

    /// <inheritdoc />
    public override bool HasInput
    {
        get
        {
            Span<byte> octet = stackalloc byte[1];
            lock (_gate)
                return !_socket.IsClosed && SocketCalls.Receive(_socket, octet, LinuxConstants.MsgPeek, out _) > 0;
        }
    }

    /// <inheritdoc />
    public override EndPoint? LocalEndPoint
    {
        get
        {
            if (field is null)
            {
                lock (_gate)
                    field = _socket.IsClosed ? null : SocketCalls.NameOf(_socket);
            }

            return field;
        }

        set;
    }

    /// <inheritdoc />
    public override EndPoint? RemoteEndPoint { get; set; }

    /// <inheritdoc />
    public void OnEvents(uint events)
    {
        IThreadPoolWorkItem? start;
        TaskCompletionSource? connecting = null;
        var error = SocketError.Success;
        Completion<ReadResult>.Continuation read = default;
        Completion<FlushResult>.Continuation flush = default;
        lock (_gate)
        {
            if (_socket.IsClosed)
                return;
            _isTold = true;
            (start, _start) = (_start, null);
            if ((events & Readable) != 0)
                read = _reader.NoteReadable((events & Last) != 0);
            if ((events & Writable) != 0)
            {
                flush = _writer.NoteWritable();
                (connecting, _connecting) = (_connecting, null);
                if (connecting is not null)
                    error = SocketCalls.TakeError(_socket);
            }
        }

        start?.Execute();
        flush.Run();
        read.Run();
        if (error == SocketError.Success)
            connecting?.TrySetResult();
        else
            connecting?.TrySetException(new SocketException((int)error));
    }

    /// <inheritdoc />
    public void OnStop() => Abort();

    /// <inheritdoc />
    /// <remarks>A socket that was just connected is writable, so the loop tells of it soon: that is when it starts. What comes later the pool runs.</remarks>
    public override void Start(IThreadPoolWorkItem serve)
    {
        lock (_gate)
        {
            if (!_isTold && !_socket.IsClosed)
            {
                _start = serve;
                return;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(serve, preferLocal: false);
    }

    /// <inheritdoc />
    public override void EndSending()
    {
        Completion<FlushResult>.Continuation flush;
        lock (_gate)
        {
            if (_socket.IsClosed || _hasEndedSending)
                return;

            _hasEndedSending = true;
            _reader.TakeFailureForEnd();
            _ = NativeMethods.ShutDown(_socket, LinuxConstants.ShutWrite);
            flush = _writer.Break();
        }

        flush.Run();
    }

    /// <inheritdoc />
    public override void Reset()
    {
        lock (_gate)
        {
            if (!_socket.IsClosed)
                SocketCalls.ResetAtClose(_socket);
        }

        Abort();
    }

    /// <inheritdoc />
    public override void Abort()
    {
        IThreadPoolWorkItem? start;
        TaskCompletionSource? connecting;
        Completion<FlushResult>.Continuation flush;
        lock (_gate)
        {
            flush = CloseSocket();
            (connecting, _connecting) = (_connecting, null);
            (start, _start) = (_start, null);
        }

        if (start is not null)
            ThreadPool.UnsafeQueueUserWorkItem(start, preferLocal: false);
        flush.Run();
        _reader.Break(new ObjectDisposedException(nameof(EpollConnection)));
        connecting?.TrySetException(new SocketException((int)SocketError.OperationAborted));
    }

    /// <summary>
    /// Closes with FIN: what was flushed is still delivered, and what the peer has sent up to now does not turn its end into a reset, read or not (see
    /// <see cref="TransportConnection.DropInput"/>). It does not wait for the peer.
    /// </summary>
    public override ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return ValueTask.CompletedTask;

        EndSending();
        Completion<FlushResult>.Continuation flush;
        lock (_gate)
        {
            if (!_socket.IsClosed && !_reader.IsEnded)
                DropInput();
            flush = CloseSocket();
        }

        flush.Run();
        _reader.Close();
        _writer.Close();
        return base.DisposeAsync();
    }

    /// <inheritdoc />
    protected override int ReceiveNow(Span<byte> buffer) => SocketCalls.Receive(_socket, buffer, 0, out _);

    // Nothing is told of it any more, and its number may be another's when the lock is left.
    private Completion<FlushResult>.Continuation CloseSocket()
    {
        Loop.Remove(_number);
        _socket.Dispose();
        return _writer.Break();
    }
}
