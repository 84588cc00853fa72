using System.Buffers;
using System.IO.Pipelines;

namespace SmtpShield.Transport;

/// <summary>
/// Writes a socket as a <see cref="PipeWriter"/>. A flush completes when the kernel has taken every octet, not before: so a write deadline measures the peer,
/// and nothing is collected for one that does not read. While nothing is written it holds no buffer.
/// </summary>
/// <remarks>
/// How the socket is sent to is its transport's. A buffer has one owner: who writes, until a flush begins; then that flush, until its own send has returned.
/// Nobody else gives it back, whatever becomes of the connection meanwhile: it would be another session's while it is still sent from here.
/// </remarks>
/// <param name="gate">The connection's lock. Nothing else is called under it but the socket, which does not wait.</param>
/// <param name="buffers">Where buffers come from.</param>
internal abstract class SocketPipeWriter(Lock gate, ArrayPool<byte> buffers) : PipeWriter, ISocketLook
{
    private const int SmallestBuffer = 4096;

    private byte[] _buffer = [];
    private int _length;
    private bool _isClosed;

    /// <inheritdoc />
    public abstract bool IsReady { get; }

    /// <summary>The connection's lock.</summary>
    protected Lock Gate => gate;

    /// <summary>A flush is under way: from <see cref="TryBeginSend"/> to <see cref="EndSend"/>.</summary>
    protected bool IsSending { get; private set; }

    /// <inheritdoc />
    public override bool CanGetUnflushedBytes => true;

    /// <inheritdoc />
    public override long UnflushedBytes => _length;

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
    public abstract override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default);

    /// <inheritdoc />
    public override void CancelPendingFlush() => throw new NotSupportedException("A flush ends with the connection.");

    /// <inheritdoc />
    public override void Complete(Exception? exception = null)
    {
        // What was written and not flushed is never sent; the buffer goes back with the connection.
    }

    /// <summary>
    /// Nothing is sent any more. What was written and not flushed is dropped, and its buffer not given back: who wrote may still be writing.
    /// </summary>
    public void Close()
    {
        lock (gate)
        {
            _isClosed = true;
            (_buffer, _length) = ([], 0);
        }
    }

    /// <summary>A flush begins, if there is anything to send. Under the lock.</summary>
    /// <param name="octets">What to send: the flush's alone until it says <see cref="EndSend"/>.</param>
    /// <param name="result">Otherwise the flush's result.</param>
    protected bool TryBeginSend(out ArraySegment<byte> octets, out FlushResult result)
    {
        ThrowIfSending();
        octets = default;
        result = new(isCanceled: false, isCompleted: _isClosed);
        if (_isClosed || _length == 0)
            return false;

        octets = new(_buffer, 0, _length);
        (_buffer, _length) = ([], 0);
        IsSending = true;
        return true;
    }

    /// <summary>The flush is over: the kernel has taken all of it, or never will, and no call looks at it any more. Under the lock.</summary>
    /// <param name="octets">What was sent.</param>
    /// <exception cref="ArgumentNullException">Who calls has begun no flush.</exception>
    protected void EndSend(ArraySegment<byte> octets)
    {
        buffers.Return(octets.Array!);
        IsSending = false;
    }

    private void ThrowIfSending()
    {
        if (IsSending)
            throw new InvalidOperationException("A flush is under way.");
    }

    private void MakeRoom(int sizeHint)
    {
        ThrowIfSending();
        var needed = Math.Max(sizeHint, 1);
        if (_buffer.Length - _length >= needed)
            return;

        var buffer = buffers.Rent(Math.Max(SmallestBuffer, Math.Max(_length * 2, _length + needed)));
        _buffer.AsSpan(0, _length).CopyTo(buffer);
        if (_buffer.Length > 0)
            buffers.Return(_buffer);
        _buffer = buffer;
    }
}
