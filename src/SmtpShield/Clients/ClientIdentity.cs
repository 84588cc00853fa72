using System.Net;
using SmtpShield.Options;

namespace SmtpShield.Clients;

/// <summary>Who is at the other end of a connection. Found out by <see cref="IdentifyClient"/>; everything behind it relies on it.</summary>
internal sealed class ClientIdentity
{
    /// <summary>The name of a client whose name is not known or not verified.</summary>
    public const string UnknownName = "unknown";

    private static readonly AnvilOptions Defaults = new();

    /// <summary>Makes the identity of a socket's peer.</summary>
    /// <param name="endpoint">Its address and port; see <see cref="AddressOf"/>.</param>
    /// <param name="name">The verified host name, or <see cref="UnknownName"/>.</param>
    /// <param name="anvil">How many bits tell clients apart; null for the defaults.</param>
    public ClientIdentity(IPEndPoint endpoint, string name = UnknownName, AnvilOptions? anvil = null)
    {
        anvil ??= Defaults;
        Address = AddressOf(endpoint);
        Port = endpoint.Port;
        Name = name;
        ReverseName = name;
        AddressText = Address.ToString();
        NameAddress = $"{name}[{AddressText}]";
        Range = ClientRange.Of(Address, anvil.ClientIPv4PrefixLength, anvil.ClientIPv6PrefixLength);
    }

    /// <summary>The client's address.</summary>
    public IPAddress Address { get; }

    /// <summary>The client's port.</summary>
    public int Port { get; }

    /// <summary>The verified host name, or <c>unknown</c>.</summary>
    public string Name { get; }

    /// <summary>
    /// The host name of the address as nobody has verified it (Postfix <c>reverse_client_hostname</c>); <see cref="UnknownName"/> if there is none.
    /// </summary>
    public string ReverseName { get; init; }

    /// <summary>
    /// Whether an unknown name may be known the next time: nobody answered, or not in time. Postfix refuses such clients with 450 instead of 550.
    /// </summary>
    public bool IsNameTemporary { get; init; }

    /// <summary>
    /// Whether the address came by a PROXY header and may be a proxy's or this host's instead of the client's: see <see cref="ProxyConnection.IsProxy"/>.
    /// </summary>
    public bool IsProxy { get; init; }

    /// <summary>Whether an operator had exempted the client when it connected (<see cref="Exemptions"/>).</summary>
    public bool IsExempted { get; init; }

    /// <summary>The address as Postfix writes it: IPv6 lower case, without brackets.</summary>
    public string AddressText { get; }

    /// <summary><c>name[address]</c>, as in Postfix's log lines.</summary>
    public string NameAddress { get; }

    /// <summary>The key of the client's counters. Taken once, when the client connects: a reload moves nobody to another counter.</summary>
    public ClientRange Range { get; }

    /// <summary>The address a peer goes by: IPv4-mapped IPv6 becomes IPv4, a zone id is dropped.</summary>
    public static IPAddress AddressOf(IPEndPoint endpoint)
    {
        var address = endpoint.Address;
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        return address.IsIPv6LinkLocal ? new IPAddress(address.GetAddressBytes()) : address;
    }
}
