using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace SmtpShield.Transport;

/// <summary>
/// Reads a socket as a <see cref="PipeReader"/>. While it waits it holds no buffer; what has arrived stands in one, contiguous, of at most
/// <see cref="MostBuffered"/> octets: what does not fit stays in the kernel, whose window then closes on the sender. One read at a time, completed inline on
/// the thread that learns of the bytes.
/// </summary>
/// <remarks>
/// How the socket is waited for and received from is its transport's. A buffer is given back only when nobody can be looking at it: what was handed out is on
/// loan until <see cref="AdvanceTo(SequencePosition)"/>, and what is on loan when the connection ends, or another read begins, is left to the collector.
/// </remarks>
/// <param name="gate">The connection's lock. Nothing else is called under it but the socket, which does not wait.</param>
/// <param name="buffers">Where buffers come from.</param>
internal abstract class SocketPipeReader(Lock gate, ArrayPool<byte> buffers) : PipeReader, IValueTaskSource<ReadResult>, ISocketLook
{
    /// <summary>Octets that can be received before the first of them must have been taken.</summary>
    public const int MostBuffered = 64 * 1024;

    private const int SmallestBuffer = 4096;

    private Completion<ReadResult> _source;
    private CancellationTokenRegistration _cancellation;
    private CancellationToken _token;
    private Exception? _failure;
    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private int _examined;
    private int _nextSize = SmallestBuffer;
    private bool _isLent;
    private bool _isReading;
    private bool _isEnded;
    private bool _isFailureAnEnd;
    private bool _isCancelRequested;

    /// <inheritdoc />
    public abstract bool IsReady { get; }

    /// <summary>The peer's end has been received, or the connection broke.</summary>
    public bool IsEnded => _isEnded;

    /// <summary>The connection's lock.</summary>
    protected Lock Gate => gate;

    /// <summary>It is waited for the socket, whether somebody still reads or not.</summary>
    protected bool IsWaiting { get; private set; }

    /// <inheritdoc />
    public override bool TryRead(out ReadResult result)
    {
        lock (gate)
            return TryTake(out result);
    }

    /// <inheritdoc />
    /// <exception cref="ConnectionResetException">The connection broke.</exception>
    /// <exception cref="InvalidOperationException">A read is under way, or <see cref="MostBuffered"/> octets were looked at and none was taken.</exception>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        short version;
        lock (gate)
        {
            if (TryTake(out var result))
                return new(result);
            if (_isReading)
                throw new InvalidOperationException("A read is under way.");
            if (_end - _start >= MostBuffered)
                throw new InvalidOperationException("More input was asked for than is ever buffered.");
            if (!IsWaiting && !Wait() && TryTake(out result))
                return new(result);

            _source.Reset();
            version = _source.Version;
            _token = cancellationToken;
            _isReading = true;
        }

        if (cancellationToken.CanBeCanceled)
            _cancellation = cancellationToken.UnsafeRegister(static (reader, token) => ((SocketPipeReader)reader!).Cancel(token), this);
        return new(this, version);
    }

    /// <inheritdoc />
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc />
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        lock (gate)
        {
            // Nothing was received, or the connection was closed meanwhile.
            if (_end == 0)
                return;

            _isLent = false;
            _start = IndexOf(consumed);
            _examined = Math.Max(_start, IndexOf(examined));
            if (_start == _end)
                ReturnBuffer();
        }
    }

    /// <inheritdoc />
    public override void CancelPendingRead()
    {
        Completion<ReadResult>.Continuation continuation;
        lock (gate)
        {
            if (!_isReading)
            {
                _isCancelRequested = true;
                return;
            }

            continuation = End(Lend(isCanceled: true, isCompleted: false));
        }

        continuation.Run();
    }

    /// <inheritdoc />
    public override void Complete(Exception? exception = null)
    {
        // The buffer goes back with the connection, when nobody can still be looking at it.
    }

    /// <summary>
    /// Nothing is sent any more, so a peer that resets the connection, as many do that have got what they wanted, has ended it: no read fails for it from now
    /// on.
    /// </summary>
    public void TakeFailureForEnd()
    {
        lock (gate)
            _isFailureAnEnd = true;
    }

    /// <summary>The connection is gone: nothing is received any more, and a read that waits is over. What was received stays where it is.</summary>
    public void Break(Exception cause) => End(cause, returnsBuffer: false);

    /// <summary>Gives the buffer back, unless it is on loan; nothing is received any more, and a read that still waits fails.</summary>
    public void Close() => End(new ObjectDisposedException(nameof(TransportConnection)), returnsBuffer: true);

    /// <summary>Begins to wait for octets, the peer's end or a failure. Under the lock.</summary>
    /// <param name="failure">The connection broke.</param>
    /// <returns>Whether it has to be waited: <see cref="EndWait"/> follows. Otherwise something may be there.</returns>
    protected abstract bool TryBeginWait(out Exception? failure);

    /// <summary>Receives without waiting. Under the lock.</summary>
    /// <param name="buffer">Not empty.</param>
    /// <param name="error"><see cref="SocketError.WouldBlock"/>: there was nothing.</param>
    /// <returns>Octets; 0 without an error: the peer's end.</returns>
    protected abstract int Receive(Span<byte> buffer, out SocketError error);

    /// <summary>The wait is over. Under the lock.</summary>
    /// <param name="failure">The connection broke.</param>
    /// <returns>What is to be run once the lock is left.</returns>
    protected Completion<ReadResult>.Continuation EndWait(Exception? failure)
    {
        StopWaiting(failure);

        // Nobody reads any more: the bytes stay in the kernel until somebody does.
        if (!_isReading)
            return default;
        if (failure is null)
            Receive();
        return _failure is null && Wait() ? default : EndWithWhatThereIs();
    }

    /// <summary>The wait is over, and nothing is received. Under the lock.</summary>
    /// <param name="failure">The connection broke.</param>
    protected void StopWaiting(Exception? failure)
    {
        IsWaiting = false;
        if (failure is not null)
            Fail(failure);
    }

    /// <inheritdoc />
    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        ReadResult result;
        Exception? error;
        lock (gate)
            result = _source.TakeResult(token, out error);

        // A cancellation that already runs may come after this: it is told from the next read's by its token.
        _cancellation.Unregister();
        _cancellation = default;
        return error is null ? result : throw error;
    }

    /// <inheritdoc />
    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token)
    {
        lock (gate)
            return _source.GetStatus(token);
    }

    /// <inheritdoc />
    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        lock (gate)
        {
            if (_source.TryKeep(continuation, state, token))
                return;
        }

        ThreadPool.UnsafeQueueUserWorkItem(continuation, state, preferLocal: true);
    }

    // Positions in an array carry a flag in their sign bit.
    private static int IndexOf(SequencePosition position) => position.GetInteger() & int.MaxValue;

    private ReadResult Lend(bool isCanceled, bool isCompleted)
    {
        _isLent = _end > _start;
        return new(_isLent ? new(_buffer, _start, _end - _start) : ReadOnlySequence<byte>.Empty, isCanceled, isCompleted);
    }

    private bool TryTake(out ReadResult result)
    {
        result = default;
        if (_failure is { } failure && _end == _start)
            throw failure;
        if (_end <= _examined && !_isEnded && !_isCancelRequested)
            return false;

        result = Lend(_isCancelRequested, _isEnded);
        _isCancelRequested = false;
        return true;
    }

    private void Cancel(CancellationToken token)
    {
        Completion<ReadResult>.Continuation continuation;
        lock (gate)
        {
            if (!_isReading || _token != token)
                return;
            continuation = End(default, new OperationCanceledException(token));
        }

        continuation.Run();
    }

    // The read is complete when the lock is left, so that who cancels one can take its result at once.
    private Completion<ReadResult>.Continuation End(ReadResult result, Exception? error = null)
    {
        _isReading = false;
        return _source.Complete(result, error);
    }

    private void End(Exception cause, bool returnsBuffer)
    {
        Completion<ReadResult>.Continuation continuation = default;
        lock (gate)
        {
            Fail(cause);
            if (returnsBuffer)
                ReturnBuffer();
            if (_isReading)
                continuation = EndWithWhatThereIs();
        }

        continuation.Run();
    }

    private Completion<ReadResult>.Continuation EndWithWhatThereIs() =>
        _end == _start && _failure is { } failure ? End(default, failure) : End(Lend(isCanceled: false, _isEnded));

    private void ReturnBuffer()
    {
        var buffer = _buffer;
        _buffer = [];
        _start = _end = _examined = 0;
        if (buffer.Length > 0 && !_isLent)
            buffers.Return(buffer);
        _isLent = false;
    }

    // Waits for bytes, so that no buffer is held meanwhile. False: something has come already.
    private bool Wait()
    {
        while (!_isEnded && _end <= _examined)
        {
            if (TryBeginWait(out var failure))
            {
                IsWaiting = true;
                return true;
            }

            if (failure is not null)
                Fail(failure);
            else
                Receive();
        }

        return false;
    }

    private void Receive()
    {
        MakeRoom();
        var received = Receive(_buffer.AsSpan(_end), out var error);
        if (error == SocketError.Success && received > 0)
        {
            _end += received;

            // A sender that fills the buffer gets a larger one next time, a dialogue goes back to the smallest.
            _nextSize = _end == _buffer.Length ? Math.Min(_buffer.Length * 2, MostBuffered) : SmallestBuffer;
            return;
        }

        if (error == SocketError.Success)
            _isEnded = true;
        else if (error != SocketError.WouldBlock)
            Fail(new SocketException((int)error));
        if (_end == _start)
            ReturnBuffer();
    }

    private void Fail(Exception cause)
    {
        if (!_isFailureAnEnd)
            _failure ??= new ConnectionResetException(cause.Message, cause);
        _isEnded = true;
    }

    private void MakeRoom()
    {
        if (_end < _buffer.Length)
            return;

        var kept = _end - _start;

        // At most as much again is moved as is received into the room that is made.
        var buffer = buffers.Rent(Math.Max(_nextSize, Math.Min(kept * 2, MostBuffered)));
        _buffer.AsSpan(_start, kept).CopyTo(buffer);
        var examined = _examined - _start;
        ReturnBuffer();
        _buffer = buffer;
        _end = kept;
        _examined = examined;
    }
}
