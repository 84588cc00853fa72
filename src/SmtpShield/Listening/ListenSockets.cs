using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Primitives;
using SmtpShield.Hosting;
using SmtpShield.Options;
using SmtpShield.Transport;

namespace SmtpShield.Listening;

/// <summary>
/// Makes the listening sockets, or takes those this process was given, and gives their queues a new length when a reload changes
/// <c>default_process_limit</c>.
/// </summary>
internal sealed class ListenSockets : IListeningSockets, IDisposable
{
    private readonly ShieldSnapshot _snapshot;
    private readonly SessionCapacity _capacity;
    private readonly InheritedSockets _inherited;
    private readonly ConnectionDrain _drain;
    private readonly IDisposable _onChange;
    private readonly Lock _gate = new();
    private readonly List<Entry> _sockets = [];

    /// <summary>Follows the limit through reloads.</summary>
    public ListenSockets(ShieldSnapshot snapshot, SessionCapacity capacity, InheritedSockets inherited, ConnectionDrain drain)
    {
        _snapshot = snapshot;
        _capacity = capacity;
        _inherited = inherited;
        _drain = drain;
        _onChange = ChangeToken.OnChange(snapshot.GetChangeToken, ChangeQueueLength);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Socket> Sockets
    {
        get
        {
            lock (_gate)
                return [.. _sockets.Where(static entry => entry.IsOpen).Select(static entry => entry.Socket)];
        }
    }

    /// <inheritdoc/>
    public void Leave() => _drain.StopListeningOnly();

    /// <summary>Where a service listens, as bound; nowhere once the shield stops.</summary>
    /// <param name="service">Its name.</param>
    public IReadOnlyList<EndPoint> EndPointsOf(string service)
    {
        lock (_gate)
            return [.. _sockets.Where(entry => entry.Service == service && entry.IsOpen).Select(static entry => entry.EndPoint)];
    }

    /// <summary>A listening socket. An IPv6 one is for IPv6 only, so that <c>0.0.0.0:25</c> and <c>[::]:25</c> live side by side.</summary>
    /// <remarks>
    /// With <c>shield_listen_transparent</c> it also accepts what a packet filter diverts to it; a connection's local end point is then where the client wanted
    /// to go.
    /// </remarks>
    /// <param name="endpoint">Where.</param>
    /// <param name="service">Whose.</param>
    /// <exception cref="SocketException">It cannot be bound.</exception>
    public Socket Listen(EndPoint endpoint, string service)
    {
        var length = LengthFor(service);
        var isTransparent = _snapshot.Current.Of(service).Listener.Transparent;
        var given = _inherited.Take(endpoint);
        var socket = given ?? new Socket(endpoint.AddressFamily, SocketType.Stream,
            endpoint.AddressFamily == AddressFamily.Unix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        try
        {
            if (given is null && socket.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = false;
            if (isTransparent)
                TransparentSocket.Allow(socket);
            else if (given is not null)
                TransparentSocket.Forbid(socket);
            if (given is null)
                socket.Bind(endpoint);

            // Linux lets one more in than it says. It also cuts it to net.core.somaxconn (4096).
            socket.Listen(length);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        lock (_gate)
            _sockets.Add(new(socket, service) { Length = length });
        return socket;
    }

    /// <summary>Forgets the sockets, which belong to Kestrel.</summary>
    public void Dispose() => _onChange.Dispose();

    private void ChangeQueueLength()
    {
        lock (_gate)
        {
            _sockets.RemoveAll(entry => LengthFor(entry.Service) is var length && length != entry.Length && !TryListen(entry.Socket, entry.Length = length));
        }
    }

    private int LengthFor(string service) => _capacity.LimitOf(service);

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

    private sealed class Entry(Socket socket, string service)
    {
        public Socket Socket => socket;

        public string Service => service;

        public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

        public bool IsOpen => !socket.SafeHandle.IsClosed;

        public int Length { get; set; }
    }
}
