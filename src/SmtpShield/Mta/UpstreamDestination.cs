using System.Globalization;
using System.Net;

namespace SmtpShield.Mta;

/// <summary>
/// What stays known about one configured destination across reloads: its address and its sessions. Health is the cluster's, not ours.
/// </summary>
internal sealed class UpstreamDestination
{
    private byte[] _greeting = [];
    private int _sessions;

    /// <param name="name">As configured: <c>host:port</c>, an IPv6 address in brackets.</param>
    public UpstreamDestination(string name)
    {
        var colon = name.LastIndexOf(':');
        Name = name;
        Host = name[..colon].Trim('[', ']');
        Port = int.Parse(name.AsSpan(colon + 1), CultureInfo.InvariantCulture);
        Literal = IPAddress.TryParse(Host, out var address) ? new IPEndPoint(address, Port) : null;
    }

    /// <summary>As configured, <c>host:port</c>; also the destination's id in the cluster.</summary>
    public string Name { get; }

    /// <summary>The host name or the address without brackets.</summary>
    public string Host { get; }

    /// <summary>The TCP port.</summary>
    public int Port { get; }

    /// <summary>The end point when the host is an address; <see langword="null"/> when it is a name, which is resolved at each dial.</summary>
    public IPEndPoint? Literal { get; }

    /// <summary>Sockets this destination sees: sessions, and dials from the first SYN on.</summary>
    public int Sessions => Volatile.Read(ref _sessions);

    /// <summary>Counts a socket. Each call is paired with one <see cref="Leave"/>.</summary>
    public void Enter() => Interlocked.Increment(ref _sessions);

    /// <summary>Takes back one <see cref="Enter"/>.</summary>
    public void Leave() => Interlocked.Decrement(ref _sessions);

    /// <summary>One array for equal greetings: most MTAs greet every session alike, and a held session keeps its greeting.</summary>
    public byte[] Intern(byte[] greeting) =>
        Volatile.Read(ref _greeting) is var known && known.AsSpan().SequenceEqual(greeting) ? known : _greeting = greeting;
}
