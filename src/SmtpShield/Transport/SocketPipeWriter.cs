using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;

namespace SmtpShield.Transport;

/// <summary>
/// Writes a socket as a <see cref="PipeWriter"/>. A flush completes when the kernel has taken every octet, not before: so a write deadline measures the peer,
/// and nothing is collected for one that does not read. While nothing is written it holds no buffer.
/// </summary>
/// <param name="socket">Connected and non-blocking.</param>
/// <param name="gate">The connection's lock. Nothing else is called under it but the socket, which does not wait.</param>
internal sealed class SocketPipeWriter(Socket socket, Lock gate) : PipeWriter, ISocketLook
{
    private const int SmallestBuffer = 4096;

    private byte[] _buffer = [];
    private int _length;
    private bool _isSending;
    private bool _isClosed;
    private TaskCompletionSource? _idle;

    /// <inheritdoc />
    public bool IsReady
    {
        get
        {
            try
            {
                return socket.Poll(TimeSpan.Zero, SelectMode.SelectWrite);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }
    }

    /// <inheritdoc />
    public override bool CanGetUnflushedBytes => true;

    /// <inheritdoc />
    public override long UnflushedBytes => _isSending ? 0 : _length;

    /// <inheritdoc />
    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, _buffer.Length - _length);
        _length += bytes;
    }

    /// <inheritdoc />
    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        MakeRoom(sizeHint);
        return _buffer.AsMemory(_length);
    }

    /// <inheritdoc />
    public override Span<byte> GetSpan(int sizeHint = 0)
    {
        MakeRoom(sizeHint);
        return _buffer.AsSpan(_length);
    }

    /// <inheritdoc />
    /// <remarks>A result that is completed: the peer is gone, nothing can be sent any more.</remarks>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (gate)
        {
            ThrowIfSending();
            if (_isClosed)
                return new(new FlushResult(isCanceled: false, isCompleted: true));
            if (_length == 0)
                return new(default(FlushResult));
            _isSending = true;
        }

        return SocketSend.Rent().SendAsync(socket, _buffer.AsMemory(0, _length), this);
    }

    /// <inheritdoc />
    public override void CancelPendingFlush() => throw new NotSupportedException("A flush ends with the connection.");

    /// <inheritdoc />
    public override void Complete(Exception? exception = null)
    {
        // What was written and not flushed is never sent; the buffer goes back with the connection.
    }

    /// <summary>The kernel has taken all of it, or never will.</summary>
    public void EndSend()
    {
        lock (gate)
        {
            ReturnBuffer();
            _isSending = false;
            _idle?.TrySetResult();
        }
    }

    /// <summary>Completes when no send is under way in the kernel. Only behind the socket's shutdown, which ends one.</summary>
    public Task WhenIdleAsync()
    {
        lock (gate)
        {
            if (!_isSending)
                return Task.CompletedTask;

            _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    /// <summary>Gives the buffer back; if a send is under way, at its end. Nothing is sent any more.</summary>
    public void Close()
    {
        lock (gate)
        {
            _isClosed = true;
            if (!_isSending)
                ReturnBuffer();
        }
    }

    private void ReturnBuffer()
    {
        var buffer = _buffer;
        _buffer = [];
        _length = 0;
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }

    private void ThrowIfSending()
    {
        if (_isSending)
            throw new InvalidOperationException("A flush is under way.");
    }

    private void MakeRoom(int sizeHint)
    {
        ThrowIfSending();
        var needed = Math.Max(sizeHint, 1);
        if (_buffer.Length - _length >= needed)
            return;

        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(SmallestBuffer, Math.Max(_length * 2, _length + needed)));
        _buffer.AsSpan(0, _length).CopyTo(buffer);
        var length = _length;
        ReturnBuffer();
        (_buffer, _length) = (buffer, length);
    }
}
