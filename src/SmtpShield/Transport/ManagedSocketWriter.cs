using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;

namespace SmtpShield.Transport;

/// <summary>Writes one of .NET's sockets.</summary>
/// <param name="socket">Connected and non-blocking.</param>
/// <param name="gate">The connection's lock.</param>
/// <param name="buffers">Where buffers come from.</param>
internal sealed class ManagedSocketWriter(Socket socket, Lock gate, ArrayPool<byte> buffers) : SocketPipeWriter(gate, buffers)
{
    private TaskCompletionSource? _idle;

    /// <inheritdoc />
    public override bool IsReady
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
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArraySegment<byte> octets;
        lock (Gate)
        {
            if (!TryBeginSend(out octets, out var result))
                return new(result);
        }

        return SocketSend.Rent().SendAsync(socket, octets, this);
    }

    /// <summary>The kernel has taken all of it, or never will.</summary>
    public void NoteSent(ArraySegment<byte> octets)
    {
        lock (Gate)
        {
            EndSend(octets);
            _idle?.TrySetResult();
        }
    }

    /// <summary>Completes when no send is under way in the kernel. Only behind the socket's shutdown, which ends one.</summary>
    public Task WhenIdleAsync()
    {
        lock (Gate)
        {
            if (!IsSending)
                return Task.CompletedTask;

            _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }
}
