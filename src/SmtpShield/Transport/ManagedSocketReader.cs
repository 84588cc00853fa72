using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

// The awaiter of the one receive under way is kept in a field on purpose, and asked for its result once.
#pragma warning disable CA2012

namespace SmtpShield.Transport;

/// <summary>Reads one of .NET's sockets.</summary>
/// <param name="socket">Connected and non-blocking.</param>
/// <param name="gate">The connection's lock.</param>
/// <param name="buffers">Where buffers come from.</param>
internal sealed class ManagedSocketReader(Socket socket, Lock gate, ArrayPool<byte> buffers) : SocketPipeReader(gate, buffers)
{
    private Action? _onReadable;
    private ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter _wait;
    private TaskCompletionSource? _idle;

    /// <inheritdoc />
    public override bool IsReady
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

    /// <summary>Completes when no receive is under way in the kernel. Only behind the socket's shutdown, which ends one.</summary>
    public Task WhenIdleAsync()
    {
        lock (Gate)
        {
            if (!IsWaiting)
                return Task.CompletedTask;

            _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    /// <inheritdoc />
    protected override bool TryBeginWait(out Exception? failure)
    {
        failure = null;
        try
        {
            _wait = socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None).ConfigureAwait(false).GetAwaiter();
        }
        catch (ObjectDisposedException exception)
        {
            failure = exception;
            return false;
        }

        if (!_wait.IsCompleted)
        {
            _wait.UnsafeOnCompleted(_onReadable ??= OnReadable);
            return true;
        }

        failure = FinishWait();
        return false;
    }

    /// <inheritdoc />
    protected override int Receive(Span<byte> buffer, out SocketError error)
    {
        try
        {
            return socket.Receive(buffer, SocketFlags.None, out error);
        }
        catch (ObjectDisposedException)
        {
            error = SocketError.OperationAborted;
            return 0;
        }
    }

    private void OnReadable()
    {
        Completion<ReadResult>.Continuation continuation;
        lock (Gate)
        {
            var failure = FinishWait();
            if (_idle is not null)
            {
                StopWaiting(failure);
                _idle.TrySetResult();
                return;
            }

            continuation = EndWait(failure);
        }

        continuation.Run();
    }

    private Exception? FinishWait()
    {
        try
        {
            _wait.GetResult();
            return null;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return exception;
        }
    }
}
