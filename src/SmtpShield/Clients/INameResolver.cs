using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Clients;

/// <summary>The host's name service, <c>/etc/hosts</c> included. Both questions block the thread that asks, for as long as the system's resolver likes.</summary>
internal interface INameResolver
{
    /// <summary>The name of an address, as it was found: anybody may have written it. Null if there is none or nobody answers.</summary>
    /// <param name="address">The address.</param>
    /// <param name="isTemporary">Whether there may be a name the next time.</param>
    string? NameOf(IPAddress address, out bool isTemporary);

    /// <summary>The addresses of a name.</summary>
    /// <param name="name">A valid host name.</param>
    /// <param name="family">Whose addresses count: <see cref="AddressFamily.InterNetwork"/> or <see cref="AddressFamily.InterNetworkV6"/>.</param>
    /// <param name="addresses">The addresses; none on failure.</param>
    /// <param name="error">Why there are none, in the words of getaddrinfo(3); empty on success.</param>
    /// <param name="isTemporary">Whether there may be some the next time.</param>
    bool TryGetAddresses(string name, AddressFamily family, out IPAddress[] addresses, out string error, out bool isTemporary);
}
