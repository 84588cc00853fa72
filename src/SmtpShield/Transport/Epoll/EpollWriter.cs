using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Threading.Tasks.Sources;

namespace SmtpShield.Transport.Epoll;

/// <summary>Writes a socket that a loop tells of: at once, and the rest when the kernel has room again.</summary>
/// <remarks>
/// A flush begins and sends under one hold of the lock. So whoever holds the lock besides, the loop that tells of the socket or who closes it, sees either no
/// flush or one that waits for room: there is no moment between, and no call of send(2) is under way.
/// </remarks>
/// <param name="socket">Connected.</param>
/// <param name="gate">The connection's lock.</param>
/// <param name="buffers">Where buffers come from.</param>
[SupportedOSPlatform("linux")]
internal sealed class EpollWriter(Descriptor socket, Lock gate, ArrayPool<byte> buffers) : SocketPipeWriter(gate, buffers), IValueTaskSource<FlushResult>
{
    private Completion<FlushResult> _source;
    private ArraySegment<byte> _octets;
    private int _sent;
    private bool _isBroken;

    /// <inheritdoc />
    public override bool IsReady
    {
        get
        {
            lock (Gate)
                return !socket.IsClosed && SocketCalls.IsReady(socket, LinuxConstants.PollOut);
        }
    }

    /// <inheritdoc />
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (Gate)
        {
            if (!TryBeginSend(out _octets, out var result))
                return new(result);

            _sent = 0;
            if (TrySend())
                return new(EndSend());

            _source.Reset();
            return new(this, _source.Version);
        }
    }

    /// <summary>The loop tells that the kernel has room, or the connection broke. Under the lock.</summary>
    public Completion<FlushResult>.Continuation NoteWritable() => IsSending && TrySend() ? _source.Complete(EndSend()) : default;

    /// <summary>Nothing can be sent any more: a flush that waits is over. Under the lock.</summary>
    public Completion<FlushResult>.Continuation Break()
    {
        _isBroken = true;
        return IsSending ? _source.Complete(EndSend()) : default;
    }

    /// <inheritdoc />
    FlushResult IValueTaskSource<FlushResult>.GetResult(short token)
    {
        lock (Gate)
            return _source.TakeResult(token, out _);
    }

    /// <inheritdoc />
    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token)
    {
        lock (Gate)
            return _source.GetStatus(token);
    }

    /// <inheritdoc />
    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        lock (Gate)
        {
            if (_source.TryKeep(continuation, state, token))
                return;
        }

        ThreadPool.UnsafeQueueUserWorkItem(continuation, state, preferLocal: true);
    }

    private FlushResult EndSend()
    {
        EndSend(_octets);
        _octets = default;
        return new(isCanceled: false, isCompleted: _isBroken);
    }

    // Until the kernel says that it has no room: only then it tells when it has some again.
    private bool TrySend()
    {
        while (_sent < _octets.Count && !_isBroken)
        {
            var count = SocketCalls.Send(socket, _octets.AsSpan(_sent), out var error);
            if (error == SocketError.WouldBlock)
                return false;
            _sent += count;
            _isBroken = error != SocketError.Success;
        }

        return true;
    }
}
