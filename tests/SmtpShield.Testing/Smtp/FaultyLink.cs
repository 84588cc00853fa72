using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Testing.Smtp;

/// <summary>
/// What lies between the shield and its MTA: it passes octets on both ways until it is told to fail those connections that are there, in ways an MTA itself
/// can't be made to. Later ones are whole again.
/// </summary>
public sealed class FaultyLink : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Connection> _connections = [];
    private readonly IPEndPoint _to;
    private readonly Task _accepting;

    /// <summary>Opens one to an MTA.</summary>
    public FaultyLink(IPEndPoint to)
    {
        _to = to;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        _accepting = AcceptAsync();
    }

    /// <summary>Where the shield finds the MTA.</summary>
    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndPoint!;

    /// <summary>Both sides get RST.</summary>
    public void Reset() => ForEach(static connection => connection.Reset());

    /// <summary>The shield gets FIN, as if the MTA would say nothing more; the MTA still gets all, and what it says is lost.</summary>
    public void EndMtasSide() => ForEach(static connection => connection.EndMtasSide());

    /// <summary>What the MTA says is lost, and nobody notices.</summary>
    public void Mute() => ForEach(static connection => connection.Mute());

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting;
        ForEach(static connection => connection.Reset());
        await Task.WhenAll(_connections.Select(static connection => connection.Passing));
    }

    private void ForEach(Action<Connection> act)
    {
        lock (_connections)
            _connections.ForEach(act);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var near = await _listener.AcceptAsync();
                var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                near.NoDelay = true;
                try
                {
                    await far.ConnectAsync(_to);
                }
                catch (SocketException)
                {
                    near.Dispose();
                    far.Dispose();
                    continue;
                }

                lock (_connections)
                    _connections.Add(new(near, far));
            }
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException)
        {
            // It is closed.
        }
    }

    private sealed class Connection
    {
        private readonly Socket _near;
        private readonly Socket _far;
        private volatile bool _isMute;

        public Connection(Socket near, Socket far)
        {
            (_near, _far) = (near, far);
            Passing = PassAllAsync();
        }

        public Task Passing { get; }

        public void Mute() => _isMute = true;

        public void EndMtasSide()
        {
            _isMute = true;
            End(_near);
        }

        public void Reset()
        {
            foreach (var socket in new[] { _near, _far })
            {
                try
                {
                    socket.LingerState = new(true, 0);
                }
                catch (ObjectDisposedException)
                {
                    // It has ended.
                }

                socket.Dispose();
            }
        }

        private static void End(Socket socket)
        {
            try
            {
                socket.Shutdown(SocketShutdown.Send);
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                // The peer was faster.
            }
        }

        private async Task PassAllAsync()
        {
            await Task.WhenAll(PassAsync(_near, _far, isMtas: false), PassAsync(_far, _near, isMtas: true));
            _near.Dispose();
            _far.Dispose();
        }

        private async Task PassAsync(Socket from, Socket to, bool isMtas)
        {
            var buffer = new byte[16384];
            try
            {
                int count;
                while ((count = await from.ReceiveAsync(buffer)) > 0)
                {
                    var rest = isMtas && _isMute ? ReadOnlyMemory<byte>.Empty : buffer.AsMemory(0, count);
                    while (!rest.IsEmpty)
                        rest = rest[await to.SendAsync(rest)..];
                }

                if (!isMtas || !_isMute)
                    End(to);
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                Reset();
            }
        }
    }
}
