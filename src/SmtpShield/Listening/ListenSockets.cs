using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Primitives;
using SmtpShield.Configuration;
using SmtpShield.Transport;

namespace SmtpShield.Listening;

/// <summary>Makes the listening sockets, and gives their queues a new length when a reload changes <c>default_process_limit</c>.</summary>
internal sealed class ListenSockets : IDisposable
{
    private readonly ShieldSnapshot _snapshot;
    private readonly IDisposable _onChange;
    private readonly Lock _gate = new();
    private readonly List<Socket> _sockets = [];
    private int _queueLength;

    /// <summary>Follows the limit through reloads.</summary>
    public ListenSockets(ShieldSnapshot snapshot)
    {
        _snapshot = snapshot;
        _queueLength = snapshot.Current.Listener.DefaultProcessLimit;
        _onChange = ChangeToken.OnChange(snapshot.GetChangeToken, ChangeQueueLength);
    }

    /// <summary>A bound socket that does not listen yet. An IPv6 one is for IPv6 only, so that <c>0.0.0.0:25</c> and <c>[::]:25</c> live side by side.</summary>
    /// <remarks>With <c>shield_listen_transparent</c> it also accepts what a packet filter diverts to it; a connection's local end point is then where the client wanted to go.</remarks>
    /// <exception cref="SocketException">It cannot be bound.</exception>
    public Socket CreateBound(EndPoint endpoint)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, endpoint.AddressFamily == AddressFamily.Unix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        try
        {
            if (socket.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = false;
            if (_snapshot.Current.Listener.Transparent && endpoint is IPEndPoint)
                TransparentSocket.Allow(socket);
            socket.Bind(endpoint);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        lock (_gate)
            _sockets.Add(socket);
        return socket;
    }

    /// <summary>Forgets the sockets, which belong to Kestrel.</summary>
    public void Dispose() => _onChange.Dispose();

    private void ChangeQueueLength()
    {
        lock (_gate)
        {
            var length = _snapshot.Current.Listener.DefaultProcessLimit;
            if (length == _queueLength)
                return;
            _queueLength = length;
            _sockets.RemoveAll(socket => !TryListen(socket, length));
        }
    }

    // A second listen() only changes the length (Linux, BSD); those who wait in the queue stay in it, also when it becomes too short for them.
    private static bool TryListen(Socket socket, int length)
    {
        try
        {
            socket.Listen(length);
            return true;
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            return false;
        }
    }
}
