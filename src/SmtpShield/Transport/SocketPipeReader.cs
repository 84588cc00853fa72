using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

// The awaiter of the one receive under way is kept in a field on purpose, and asked for its result once.
#pragma warning disable CA2012

namespace SmtpShield.Transport;

/// <summary>
/// Reads a socket as a <see cref="PipeReader"/>. While it waits it holds no buffer; what has arrived stands in one, contiguous, of at most
/// <see cref="MostBuffered"/> octets: what does not fit stays in the kernel, whose window then closes on the sender. One read at a time, completed inline on
/// the thread that learns of the bytes.
/// </summary>
/// <param name="socket">Connected and non-blocking.</param>
/// <param name="gate">The connection's lock. Nothing else is called under it but the socket, which does not wait.</param>
internal sealed class SocketPipeReader(Socket socket, Lock gate) : PipeReader, IValueTaskSource<ReadResult>, ISocketLook
{
    /// <summary>Octets that can be received before the first of them must have been taken.</summary>
    public const int MostBuffered = 64 * 1024;

    private const int SmallestBuffer = 4096;

    private Action? _onReadable;
    private ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter _wait;
    private Completion<ReadResult> _source;
    private CancellationTokenRegistration _cancellation;
    private CancellationToken _token;
    private TaskCompletionSource? _idle;
    private Exception? _failure;
    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private int _examined;
    private int _nextSize = SmallestBuffer;
    private bool _isReading;
    private bool _isWaiting;
    private bool _isEnded;
    private bool _isCancelRequested;

    /// <inheritdoc />
    public bool IsReady
    {
        get
        {
            try
            {
                return socket.Poll(TimeSpan.Zero, SelectMode.SelectRead);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }
    }

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
            if (!_isWaiting && !Wait() && TryTake(out result))
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

            continuation = End(new(Buffered, isCanceled: true, isCompleted: false));
        }

        continuation.Run();
    }

    /// <inheritdoc />
    public override void Complete(Exception? exception = null)
    {
        // The buffer goes back with the connection, when nobody can still be looking at it.
    }

    /// <summary>Completes when no receive is under way in the kernel. Only behind the socket's shutdown, which ends one.</summary>
    public Task WhenIdleAsync()
    {
        lock (gate)
        {
            if (!_isWaiting)
                return Task.CompletedTask;

            _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    /// <summary>Gives the buffer back; nothing is received any more, and a read that still waits fails.</summary>
    public void Close()
    {
        Completion<ReadResult>.Continuation continuation = default;
        lock (gate)
        {
            Fail(new ObjectDisposedException(nameof(SocketConnection)));
            ReturnBuffer();
            if (_isReading)
                continuation = End(default, _failure);
        }

        continuation.Run();
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

    private ReadOnlySequence<byte> Buffered => _end > _start ? new(_buffer, _start, _end - _start) : ReadOnlySequence<byte>.Empty;

    // Positions in an array carry a flag in their sign bit.
    private static int IndexOf(SequencePosition position) => position.GetInteger() & int.MaxValue;

    private bool TryTake(out ReadResult result)
    {
        result = default;
        if (_failure is { } failure && _end == _start)
            throw failure;
        if (_end <= _examined && !_isEnded && !_isCancelRequested)
            return false;

        result = new(Buffered, _isCancelRequested, _isEnded);
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

    private void ReturnBuffer()
    {
        var buffer = _buffer;
        _buffer = [];
        _start = _end = _examined = 0;
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }

    // Waits for bytes with a receive of none, so that no buffer is held meanwhile. False: something has come already.
    private bool Wait()
    {
        while (!_isEnded && _end <= _examined)
        {
            try
            {
                _wait = socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None).ConfigureAwait(false).GetAwaiter();
            }
            catch (ObjectDisposedException exception)
            {
                Fail(exception);
                break;
            }

            if (!_wait.IsCompleted)
            {
                _isWaiting = true;
                _wait.UnsafeOnCompleted(_onReadable ??= OnReadable);
                return true;
            }

            if (TryFinishWait())
                Receive();
        }

        return false;
    }

    private void OnReadable()
    {
        Completion<ReadResult>.Continuation continuation;
        lock (gate)
        {
            _isWaiting = false;
            var isReadable = TryFinishWait();
            if (!_isReading || _idle is not null)
            {
                // Nobody reads any more: the bytes stay in the kernel until somebody does.
                _idle?.TrySetResult();
                return;
            }

            if (isReadable)
                Receive();
            if (_failure is null && Wait())
                return;

            continuation = _end == _start && _failure is { } failure ? End(default, failure) : End(new(Buffered, isCanceled: false, _isEnded));
        }

        continuation.Run();
    }

    private bool TryFinishWait()
    {
        try
        {
            _wait.GetResult();
            return true;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            Fail(exception);
            return false;
        }
    }

    private void Receive()
    {
        MakeRoom();
        int received;
        SocketError error;
        try
        {
            received = socket.Receive(_buffer.AsSpan(_end), SocketFlags.None, out error);
        }
        catch (ObjectDisposedException exception)
        {
            Fail(exception);
            return;
        }

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
        _failure ??= new ConnectionResetException(cause.Message, cause);
        _isEnded = true;
    }

    private void MakeRoom()
    {
        if (_end < _buffer.Length)
            return;

        var kept = _end - _start;

        // At most as much again is moved as is received into the room that is made.
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(_nextSize, Math.Min(kept * 2, MostBuffered)));
        _buffer.AsSpan(_start, kept).CopyTo(buffer);
        var examined = _examined - _start;
        ReturnBuffer();
        _buffer = buffer;
        _end = kept;
        _examined = examined;
    }
}
