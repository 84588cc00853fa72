using System.Net;

namespace SmtpShield.Clients;

/// <summary>Who is at the other end of a connection. Left as a connection feature by <see cref="IdentifyClient"/>; everything behind it relies on it.</summary>
internal sealed class ClientIdentity
{
    /// <summary>The name of a client whose name is not known or not verified.</summary>
    public const string UnknownName = "unknown";

    /// <summary>Makes the identity of a socket's peer.</summary>
    /// <param name="endpoint">Its address and port; IPv4-mapped IPv6 becomes IPv4, a zone id is dropped.</param>
    public ClientIdentity(IPEndPoint endpoint)
    {
        var address = endpoint.Address;
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        else if (address.IsIPv6LinkLocal)
            address = new IPAddress(address.GetAddressBytes());

        Address = address;
        Port = endpoint.Port;
        AddressText = address.ToString();
        NameAddress = $"{Name}[{AddressText}]";
        Range = ClientRange.Of(address, 32, 128);
    }

    /// <summary>The client's address.</summary>
    public IPAddress Address { get; }

    /// <summary>The client's port.</summary>
    public int Port { get; }

    /// <summary>The verified host name, or <c>unknown</c>.</summary>
    public string Name { get; } = UnknownName;

    /// <summary>The address as Postfix writes it: IPv6 lower case, without brackets.</summary>
    public string AddressText { get; }

    /// <summary><c>name[address]</c>, as in Postfix's log lines.</summary>
    public string NameAddress { get; }

    /// <summary>The key of the client's counters.</summary>
    public ClientRange Range { get; }
}
