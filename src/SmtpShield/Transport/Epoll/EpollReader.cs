using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.Versioning;

namespace SmtpShield.Transport.Epoll;

/// <summary>
/// Reads a socket that a loop tells of. What is told is kept until it is used up: a receive that does not fill its buffer has emptied the kernel's, so nothing
/// is asked for in vain (epoll(7), question 9).
/// </summary>
/// <param name="socket">Connected, or about to be.</param>
/// <param name="gate">The connection's lock.</param>
/// <param name="buffers">Where buffers come from.</param>
[SupportedOSPlatform("linux")]
internal sealed class EpollReader(Descriptor socket, Lock gate, ArrayPool<byte> buffers) : SocketPipeReader(gate, buffers)
{
    private bool _isReady;
    private bool _mayHoldMore;

    /// <inheritdoc />
    public override bool IsReady
    {
        get
        {
            lock (Gate)
                return !socket.IsClosed && SocketCalls.IsReady(socket, LinuxConstants.PollIn);
        }
    }

    /// <summary>The loop tells that something has come. Under the lock.</summary>
    /// <param name="mayHoldMore">
    /// More may stand behind what a receive returns, and will not be told: the peer's end, an error, octets behind urgent ones, at which a receive stops.
    /// </param>
    public Completion<ReadResult>.Continuation NoteReadable(bool mayHoldMore)
    {
        _isReady = true;
        _mayHoldMore |= mayHoldMore;
        return IsWaiting ? EndWait(null) : default;
    }

    /// <inheritdoc />
    protected override bool TryBeginWait(out Exception? failure)
    {
        failure = null;
        return !_isReady;
    }

    /// <inheritdoc />
    protected override int Receive(Span<byte> buffer, out SocketError error)
    {
        if (socket.IsClosed)
        {
            error = SocketError.OperationAborted;
            return 0;
        }

        var count = SocketCalls.Receive(socket, buffer, 0, out error);
        _isReady = error == SocketError.Success && (count == buffer.Length || _mayHoldMore);
        return count;
    }
}
