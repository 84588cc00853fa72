using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace SmtpShield.Transport;

/// <summary>One send of a whole buffer. Rented for its duration, because a session that waits sends nothing; completed inline on the thread that learns that the kernel has it all.</summary>
internal sealed class SocketSend : SocketAsyncEventArgs, IValueTaskSource<FlushResult>
{
    private const int MostPooled = 1024;

    private static readonly ConcurrentQueue<SocketSend> Pool = new();

    private ManualResetValueTaskSourceCore<FlushResult> _source;
    private SocketPipeWriter? _writer;

    private SocketSend()
        : base(true)
    {
    }

    /// <summary>Takes one that is not in use.</summary>
    public static SocketSend Rent() => Pool.TryDequeue(out var send) ? send : new();

    /// <summary>Sends; a stream socket's send is complete only when all of it was taken.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="octets">What to send; unchanged until the send is complete.</param>
    /// <param name="writer">Told when it is.</param>
    public ValueTask<FlushResult> SendAsync(Socket socket, Memory<byte> octets, SocketPipeWriter writer)
    {
        _writer = writer;
        SetBuffer(octets);
        _source.Reset();
        try
        {
            if (socket.SendAsync(this))
                return new(this, _source.Version);
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
        var result = _source.GetResult(token);
        Return();
        return result;
    }

    /// <inheritdoc />
    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _source.GetStatus(token);

    /// <inheritdoc />
    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    /// <inheritdoc />
    protected override void OnCompleted(SocketAsyncEventArgs e) => _source.SetResult(End());

    private FlushResult End()
    {
        _writer!.ReturnBuffer();
        return new(isCanceled: false, isCompleted: SocketError != SocketError.Success);
    }

    private void Return()
    {
        _writer = null;
        SetBuffer(Memory<byte>.Empty);
        if (Pool.Count < MostPooled)
            Pool.Enqueue(this);
        else
            Dispose();
    }
}
