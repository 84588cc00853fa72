using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.Control.Monitoring;

/// <summary>The sockets of <c>shield_metrics_listen</c>. One that can't be bound is a line in the log: mail is served without it.</summary>
internal sealed partial class MetricsListener : IListeningSockets, IDisposable
{
    private readonly ShieldSnapshot _snapshot;
    private readonly InheritedSockets _inherited;
    private readonly ILogger _log;
    private readonly Dictionary<EndPoint, Socket> _sockets = [];

    /// <summary>Makes nothing yet.</summary>
    public MetricsListener(ShieldSnapshot snapshot, SessionCapacity capacity, InheritedSockets inherited, TimeProvider time, ILogger<MetricsListener> log)
    {
        _snapshot = snapshot;
        _inherited = inherited;
        _log = log;
        Connections = new(capacity, time, "shield_metrics_listen");
    }

    /// <summary>How many connections they serve.</summary>
    public ControlConnections Connections { get; }

    /// <summary>Makes the sockets.</summary>
    /// <returns>The end points that can be listened on, as configured.</returns>
    public IReadOnlyList<IPEndPoint> Bind() => [.. _snapshot.Current.Control.MetricsEndpoints.Distinct().Where(TryBind)];

    /// <summary>The socket of an end point.</summary>
    /// <param name="endpoint">One that <see cref="Bind"/> has said.</param>
    public Socket SocketAt(EndPoint endpoint) => _sockets[endpoint];

    /// <inheritdoc />
    public IReadOnlyList<Socket> Sockets => [.. _sockets.Values];

    /// <inheritdoc />
    public void Leave()
    {
        foreach (var socket in _sockets.Values)
            socket.Dispose();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        // Those that Kestrel was given are closed by then.
        Leave();
        Connections.Dispose();
    }

    private bool TryBind(IPEndPoint endpoint)
    {
        if (!TcpListener.TryBind(endpoint, _inherited, out var socket, out var reason))
        {
            Log.NotBound(_log, endpoint, reason);
            return false;
        }

        _sockets[endpoint] = socket;
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(2150, LogLevel.Warning, "shield_metrics_listen: {Endpoint}: {Reason}; the shield runs without it", EventName = "MetricsNotBound")]
        public static partial void NotBound(ILogger logger, IPEndPoint endpoint, string reason);
    }
}
