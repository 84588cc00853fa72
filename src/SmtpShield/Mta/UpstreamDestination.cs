using System.Globalization;
using System.Net;
using SmtpShield.Mta.Slots;

namespace SmtpShield.Mta;

/// <summary>
/// What stays known about one configured destination across reloads: its address and its sessions. Health is the cluster's, not ours.
/// </summary>
internal sealed class UpstreamDestination
{
    private byte[] _greeting = [];

    /// <param name="name">As configured: <c>host:port</c>, an IPv6 address in brackets.</param>
    /// <param name="time">The clock of its queue.</param>
    /// <param name="terms">How many sessions it may have.</param>
    public UpstreamDestination(string name, TimeProvider time, SlotTerms terms)
    {
        Slots = new(time, terms);
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

    /// <summary>The sessions it may have, of all services: each socket to it has one of them, from before the first SYN until its end.</summary>
    public MtaSlots Slots { get; }

    /// <summary>One array for equal greetings: most MTAs greet every session alike, and a held session keeps its greeting.</summary>
    public byte[] Intern(byte[] greeting) =>
        Volatile.Read(ref _greeting) is var known && known.AsSpan().SequenceEqual(greeting) ? known : _greeting = greeting;
}
