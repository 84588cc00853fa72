using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace SmtpShield.Transport;

/// <summary>
/// One send of a whole buffer. Rented for its duration, because a session that waits sends nothing; completed inline on the thread that learns that the kernel
/// has it all.
/// </summary>
internal sealed class SocketSend : SocketAsyncEventArgs, IValueTaskSource<FlushResult>
{
    private const int MostPooled = 1024;

    private static readonly ConcurrentQueue<SocketSend> Pool = new();

    private readonly Lock _gate = new();
    private Completion<FlushResult> _source;
    private ManagedSocketWriter? _writer;
    private ArraySegment<byte> _octets;

    private SocketSend()
        : base(true)
    {
    }

    /// <summary>Takes one that is not in use.</summary>
    public static SocketSend Rent() => Pool.TryDequeue(out var send) ? send : new();

    /// <summary>Sends; a stream socket's send is complete only when all of it was taken.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="octets">What to send; this send's alone until it is complete.</param>
    /// <param name="writer">Told when it is.</param>
    public ValueTask<FlushResult> SendAsync(Socket socket, ArraySegment<byte> octets, ManagedSocketWriter writer)
    {
        (_writer, _octets) = (writer, octets);
        SetBuffer(octets);
        var version = _source.Version;
        try
        {
            if (socket.SendAsync(this))
                return new(this, version);
        }
        catch (ObjectDisposedException)
        {
            SocketError = SocketError.OperationAborted;
        }

        var result = End();
        Return();
        return new(result);
    }

    /// <inheritdoc />
    FlushResult IValueTaskSource<FlushResult>.GetResult(short token)
    {
        FlushResult result;
        lock (_gate)
            result = _source.TakeResult(token, out _);
        Return();
        return result;
    }

    /// <inheritdoc />
    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token)
    {
        lock (_gate)
            return _source.GetStatus(token);
    }

    /// <inheritdoc />
    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        lock (_gate)
        {
            if (_source.TryKeep(continuation, state, token))
                return;
        }

        ThreadPool.UnsafeQueueUserWorkItem(continuation, state, preferLocal: true);
    }

    /// <inheritdoc />
    protected override void OnCompleted(SocketAsyncEventArgs e)
    {
        var result = End();
        Completion<FlushResult>.Continuation continuation;
        lock (_gate)
            continuation = _source.Complete(result);

        // From here on this object may already be another session's.
        continuation.Run();
    }

    private FlushResult End()
    {
        var result = new FlushResult(isCanceled: false, isCompleted: SocketError != SocketError.Success);
        _writer!.NoteSent(_octets);
        return result;
    }

    private void Return()
    {
        (_writer, _octets) = (null, default);
        SetBuffer(Memory<byte>.Empty);
        if (Pool.Count < MostPooled)
            Pool.Enqueue(this);
        else
            Dispose();
    }
}
