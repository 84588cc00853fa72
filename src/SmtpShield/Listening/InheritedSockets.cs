using System.Globalization;
using System.Net;
using System.Net.Sockets;
using SmtpShield.Options;

namespace SmtpShield.Listening;

/// <summary>
/// Listening sockets this process was given when it was started: by systemd, for the units of type socket that belong to the service
/// (<c>LISTEN_FDS</c>, sd_listen_fds(3)), or by the shield it takes over from. Who is to listen at an address takes the socket that does; what nobody takes is
/// closed with this.
/// </summary>
internal sealed class InheritedSockets : IDisposable
{
    private const int First = 3;
    private const int Most = 1024;
    private const string Count = "LISTEN_FDS";
    private const string Process = "LISTEN_PID";
    private const string Names = "LISTEN_FDNAMES";

    private readonly Lock _gate = new();
    private readonly List<(string Name, int Descriptor, Socket? Socket)> _sockets = [];

    /// <summary>Whether there were any.</summary>
    public bool IsEmpty => _sockets.Count == 0;

    /// <summary>Those systemd has given, if any. What it says of them is taken out of the environment: it holds of this process only.</summary>
    public static InheritedSockets FromEnvironment()
    {
        var sockets = new InheritedSockets();
        if (Environment.GetEnvironmentVariable(Process) == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            && int.TryParse(Environment.GetEnvironmentVariable(Count), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            var names = Environment.GetEnvironmentVariable(Names)?.Split(':') ?? [];
            for (var i = 0; i < Math.Min(count, Most); i++)
                sockets.Add(names.ElementAtOrDefault(i) ?? "", First + i);
        }

        foreach (var variable in new[] { Count, Process, Names })
            Environment.SetEnvironmentVariable(variable, null);
        return sockets;
    }

    /// <summary>Adds one.</summary>
    /// <param name="name">Its name: a service's, or anything else.</param>
    /// <param name="descriptor">Its number.</param>
    public void Add(string name, int descriptor)
    {
        Socket? socket = null;
        try
        {
            socket = new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
        }
        catch (SocketException)
        {
            // It is none.
        }

        _sockets.Add((name, descriptor, socket));
    }

    /// <summary>The one that listens at an address, once; its owner closes it.</summary>
    /// <returns>Null: there is none.</returns>
    public Socket? Take(EndPoint endpoint)
    {
        lock (_gate)
        {
            var index = _sockets.FindIndex(one => one.Socket is { LocalEndPoint: { } address } && address.Equals(endpoint));
            if (index < 0)
                return null;
            var socket = _sockets[index].Socket;
            _sockets.RemoveAt(index);
            return socket;
        }
    }

    /// <summary>What is wrong with those that systemd has given, a line each: the shield does not start.</summary>
    /// <remarks>
    /// Each must listen on TCP, at an address that is in <c>shield_listen</c> of a service (of that one, where it has the name of one), in
    /// <c>shield_metrics_listen</c> or <c>shield_admin_listen</c>; an IPv6 one for IPv6 only.
    /// </remarks>
    /// <param name="options">The options to start with.</param>
    public IEnumerable<string> ProblemsOf(ShieldOptions options)
    {
        foreach (var (name, descriptor, socket) in _sockets)
        {
            var which = $"socket activation: descriptor {descriptor} ({(name.Length > 0 ? name : "without a name")})";
            if (socket?.LocalEndPoint is not IPEndPoint endpoint || !IsListening(socket))
                yield return $"{which} is no TCP socket that listens; in the socket unit write ListenStream= with an address and a port, and Accept=no";
            else if (endpoint.AddressFamily == AddressFamily.InterNetworkV6 && socket.DualMode)
                yield return $"{which} listens at {endpoint} for IPv4, too; write BindIPv6Only=ipv6-only into the socket unit, and a ListenStream= for each";
            else if (WhyNotAt(name, endpoint, options) is { Length: > 0 } why)
                yield return $"{which} listens at {endpoint}, {why}";
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var (_, _, socket) in _sockets)
                socket?.Dispose();
            _sockets.Clear();
        }
    }

    private static string WhyNotAt(string name, IPEndPoint endpoint, ShieldOptions options)
    {
        if (options.Service.Names.Contains(name))
        {
            return options.Of(name).Listener.Endpoints.Contains(endpoint)
                ? ""
                : $"which is not in shield_listen of service {name}: add it there, or change ListenStream= or FileDescriptorName= of the socket unit";
        }

        return options.Service.Names.SelectMany(service => options.Of(service).Listener.Endpoints)
            .Concat(options.Control.MetricsEndpoints).Concat(options.Control.AdminEndpoints).Contains(endpoint)
            ? ""
            : "which is in shield_listen of no service: add it there, or change ListenStream= of the socket unit";
    }

    private static bool IsListening(Socket socket)
    {
        try
        {
            return socket.SocketType == SocketType.Stream && socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.AcceptConnection) is not 0;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
