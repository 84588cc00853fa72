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
/// Reads a socket as a <see cref="PipeReader"/>. While it waits it holds no buffer; what has arrived stands in one, contiguous, of at most <see cref="MostBuffered"/> octets:
/// what does not fit stays in the kernel, whose window then closes on the sender. One read at a time, completed inline on the thread that learns of the bytes.
/// </summary>
/// <param name="socket">Connected and non-blocking.</param>
internal sealed class SocketPipeReader(Socket socket) : PipeReader, IValueTaskSource<ReadResult>
{
    /// <summary>Octets that can be received before the first of them must have been taken.</summary>
    public const int MostBuffered = 64 * 1024;

    private const int SmallestBuffer = 4096;

    private readonly Lock _gate = new();
    private Action? _onReadable;
    private ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter _wait;
    private ManualResetValueTaskSourceCore<ReadResult> _source;
    private CancellationTokenRegistration _cancellation;
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
    public override bool TryRead(out ReadResult result)
    {
        lock (_gate)
            return TryTake(out result);
    }

    /// <inheritdoc />
    /// <exception cref="ConnectionResetException">The connection broke.</exception>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            if (TryTake(out var result))
                return new(result);
            if (_isReading)
                throw new InvalidOperationException("A read is under way.");
            if (!_isWaiting && !Wait() && TryTake(out result))
                return new(result);

            _source.Reset();
            _isReading = true;
        }

        if (cancellationToken.CanBeCanceled)
            _cancellation = cancellationToken.UnsafeRegister(static (reader, token) => ((SocketPipeReader)reader!).Cancel(token), this);
        return new(this, _source.Version);
    }

    /// <inheritdoc />
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc />
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_end == 0)
            return;

        _start = IndexOf(consumed);
        _examined = Math.Max(_start, IndexOf(examined));
        if (_start == _end)
            ReturnBuffer();
    }

    /// <inheritdoc />
    public override void CancelPendingRead()
    {
        lock (_gate)
        {
            if (!_isReading)
            {
                _isCancelRequested = true;
                return;
            }

            _isReading = false;
        }

        _source.SetResult(new(Buffered, isCanceled: true, isCompleted: false));
    }

    /// <inheritdoc />
    public override void Complete(Exception? exception = null)
    {
        // The buffer goes back with the connection, when nobody can still be looking at it.
    }

    /// <summary>Completes when no receive is under way in the kernel. Only behind the socket's shutdown, which ends one.</summary>
    public Task WhenIdleAsync()
    {
        lock (_gate)
        {
            if (!_isWaiting)
                return Task.CompletedTask;

            _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    /// <summary>Gives the buffer back.</summary>
    public void ReturnBuffer()
    {
        var buffer = _buffer;
        _buffer = [];
        _start = _end = _examined = 0;
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <inheritdoc />
    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        _cancellation.Unregister();
        _cancellation = default;
        return _source.GetResult(token);
    }

    /// <inheritdoc />
    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _source.GetStatus(token);

    /// <inheritdoc />
    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

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
        lock (_gate)
        {
            if (!_isReading)
                return;
            _isReading = false;
        }

        _source.SetException(new OperationCanceledException(token));
    }

    // Waits for bytes with a receive of none, so that no buffer is held meanwhile. False: something has come already.
    private bool Wait()
    {
        while (!_isEnded && _end <= _examined)
        {
            _wait = socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None).ConfigureAwait(false).GetAwaiter();
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
        ReadResult result;
        TaskCompletionSource? idle;
        lock (_gate)
        {
            _isWaiting = false;
            idle = _idle;
            var isReadable = TryFinishWait();
            if (!_isReading || idle is not null)
            {
                // Nobody reads any more: the bytes stay in the kernel until somebody does.
                idle?.TrySetResult();
                return;
            }

            if (isReadable)
                Receive();
            if (_failure is null && Wait())
                return;

            _isReading = false;
            result = new(Buffered, isCanceled: false, _isEnded);
        }

        if (_failure is { } failure && result.Buffer.IsEmpty)
            _source.SetException(failure);
        else
            _source.SetResult(result);
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
        if (kept >= MostBuffered)
            throw new InvalidOperationException("More input was asked for than is ever buffered.");

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
