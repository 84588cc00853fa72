using System.Buffers;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Microsoft.AspNetCore.Connections;

namespace SmtpShield.Transport.Epoll;

/// <summary>Accepts on a socket that a loop tells of, and gives each connection to the loop with the fewest.</summary>
[SupportedOSPlatform("linux")]
internal sealed class EpollAcceptor : IAcceptor, IEpollHandler
{
    // While clients come faster than they are accepted, the loop's thread is left to its other sockets.
    private const int MostInARow = 16;

    private readonly Socket _socket;
    private readonly EpollLoops _loops;
    private readonly ArrayPool<byte> _buffers;
    private readonly EpollLoop _loop;
    private readonly Lock _gate = new();
    private readonly ulong _number;
    private TaskCompletionSource? _waiter;
    private bool _mayHoldClients;
    private int _inARow;

    /// <summary>Accepts on a socket.</summary>
    /// <param name="socket">Listens already.</param>
    /// <param name="loops">For its connections.</param>
    /// <param name="buffers">Where its connections take their buffers from.</param>
    /// <exception cref="SocketException">There is no room for another socket in a loop.</exception>
    public EpollAcceptor(Socket socket, EpollLoops loops, ArrayPool<byte> buffers)
    {
        _socket = socket;
        _loops = loops;
        _buffers = buffers;
        _loop = loops.Pick();
        socket.Blocking = false;

        // Accepted sockets inherit it.
        socket.NoDelay = true;
        _number = _loop.Add(socket.SafeHandle, this);
    }

    /// <inheritdoc />
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await WaitAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
            if (TryAccept() is not { } connection)
                continue;

            if (++_inARow == MostInARow)
            {
                _inARow = 0;
                await Task.Yield();
            }

            return connection;
        }
    }

    /// <inheritdoc />
    public void OnEvents(uint events)
    {
        TaskCompletionSource? waiter;
        lock (_gate)
        {
            _mayHoldClients = true;
            (waiter, _waiter) = (_waiter, null);
        }

        waiter?.TrySetResult();
    }

    /// <inheritdoc />
    public void OnStop() => Dispose();

    /// <summary>Ends a wait; the closed socket is found behind it.</summary>
    public void Dispose()
    {
        _loop.Remove(_number);
        _socket.Dispose();
        OnEvents(0);
    }

    private Task WaitAsync()
    {
        lock (_gate)
        {
            if (_mayHoldClients)
                return Task.CompletedTask;

            _inARow = 0;
            return (_waiter ??= new()).Task;
        }
    }

    private EpollConnection? TryAccept()
    {
        lock (_gate)
            _mayHoldClients = false;
        var isEmpty = false;
        try
        {
            var client = SocketCalls.TryAccept(_socket.SafeHandle, out var peer);
            isEmpty = client is null;
            return client is null ? null : new EpollConnection(client, peer, _loops.Pick(), _buffers);
        }
        finally
        {
            // Whatever else came of it, the next one may be there already.
            if (!isEmpty)
                NoteMore();
        }
    }

    private void NoteMore()
    {
        lock (_gate)
            _mayHoldClients = true;
    }
}
