using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Threading.Tasks.Sources;

namespace SmtpShield.Transport.Epoll;

/// <summary>Writes a socket that a loop tells of: at once, and the rest when the kernel has room again.</summary>
/// <param name="socket">Connected.</param>
/// <param name="gate">The connection's lock.</param>
[SupportedOSPlatform("linux")]
internal sealed class EpollWriter(Descriptor socket, Lock gate) : SocketPipeWriter(gate), IValueTaskSource<FlushResult>
{
    private Completion<FlushResult> _source;
    private Memory<byte> _rest;
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

    /// <summary>The loop tells that the kernel has room, or the connection broke. Under the lock.</summary>
    public Completion<FlushResult>.Continuation NoteWritable() => IsSending && TrySend() ? EndFlush() : default;

    /// <summary>Nothing can be sent any more: a flush that waits is over. Under the lock.</summary>
    public Completion<FlushResult>.Continuation Break()
    {
        _isBroken = true;
        return IsSending ? EndFlush() : default;
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

    /// <inheritdoc />
    protected override ValueTask<FlushResult> SendAsync(Memory<byte> octets)
    {
        lock (Gate)
        {
            _rest = octets;
            if (TrySend())
            {
                EndSend();
                return new(Result);
            }

            _source.Reset();
            return new(this, _source.Version);
        }
    }

    private FlushResult Result => new(isCanceled: false, isCompleted: _isBroken);

    private Completion<FlushResult>.Continuation EndFlush()
    {
        _rest = default;
        EndSend();
        return _source.Complete(Result);
    }

    // Until the kernel says that it has no room: only then it tells when it has some again.
    private bool TrySend()
    {
        while (!_rest.IsEmpty && !_isBroken)
        {
            var count = SocketCalls.Send(socket, _rest.Span, out var error);
            if (error == SocketError.WouldBlock)
                return false;
            _rest = _rest[count..];
            _isBroken = error != SocketError.Success;
        }

        return true;
    }
}
