using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.Control.Admin;

/// <summary>The sockets of <c>shield_admin_listen</c>. One that can't be bound or has no certificate is a line in the log; mail is served.</summary>
internal sealed partial class AdminListener : IListeningSockets, IDisposable
{
    private const string Name = "shield_admin_listen";

    private readonly ShieldSnapshot _snapshot;
    private readonly AdminCertificate _certificate;
    private readonly InheritedSockets _inherited;
    private readonly ILogger _log;
    private readonly Dictionary<EndPoint, Socket> _sockets = [];

    /// <summary>Makes nothing yet.</summary>
    public AdminListener(
        ShieldSnapshot snapshot, AdminCertificate certificate, SessionCapacity capacity, InheritedSockets inherited, TimeProvider time,
        ILogger<AdminListener> log)
    {
        (_snapshot, _certificate, _inherited, _log) = (snapshot, certificate, inherited, log);
        // Inside TLS there is no room for a word before the handshake.
        Connections = new(capacity, time, IsTls ? null : Name);
    }

    /// <summary>Whether clients begin with a handshake.</summary>
    public bool IsTls => _snapshot.Current.Control.AdminChainFiles.Count > 0;

    /// <summary>How many connections they serve.</summary>
    public ControlConnections Connections { get; }

    /// <summary>Makes the sockets.</summary>
    /// <returns>The end points that can be listened on, as configured.</returns>
    public IReadOnlyList<IPEndPoint> Bind()
    {
        var endpoints = _snapshot.Current.Control.AdminEndpoints.Distinct().ToList();
        if (endpoints.Count == 0)
            return [];
        if (IsTls && !_certificate.TryLoad())
        {
            Log.NoCertificate(_log);
            return [];
        }

        return [.. endpoints.Where(TryBind)];
    }

    /// <summary>The socket of an end point; null: it is another listener's.</summary>
    public Socket? SocketAt(EndPoint endpoint) => _sockets.GetValueOrDefault(endpoint);

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
        [LoggerMessage(2311, LogLevel.Warning, "shield_admin_listen: {Endpoint}: {Reason}; the shield runs without it", EventName = "AdminNotBound")]
        public static partial void NotBound(ILogger logger, IPEndPoint endpoint, string reason);

        [LoggerMessage(2312, LogLevel.Warning, "shield_admin_listen: shield_admin_tls_chain_files can't be used; the shield runs without it",
            EventName = "AdminWithoutCertificate")]
        public static partial void NoCertificate(ILogger logger);
    }
}
