using System.IO.Pipelines;
using System.Net.Sockets;

namespace SmtpShield.Transport;

/// <summary>Writes one of .NET's sockets.</summary>
/// <param name="socket">Connected and non-blocking.</param>
/// <param name="gate">The connection's lock.</param>
internal sealed class ManagedSocketWriter(Socket socket, Lock gate) : SocketPipeWriter(gate)
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

    /// <summary>The kernel has taken all of it, or never will.</summary>
    public void NoteSent()
    {
        lock (Gate)
        {
            EndSend();
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

    /// <inheritdoc />
    protected override ValueTask<FlushResult> SendAsync(Memory<byte> octets) => SocketSend.Rent().SendAsync(socket, octets, this);
}
