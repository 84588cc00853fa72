using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Clients;

/// <summary>The host's name service, <c>/etc/hosts</c> included. Nobody's thread waits for it.</summary>
internal interface INameResolver
{
    /// <summary>The name of an address, as it was found: anybody may have written it.</summary>
    /// <param name="address">The address.</param>
    /// <param name="cancellationToken">Gives up, with an <see cref="OperationCanceledException"/>.</param>
    ValueTask<NameAnswer> NameOfAsync(IPAddress address, CancellationToken cancellationToken);

    /// <summary>The addresses of a name.</summary>
    /// <param name="name">A valid host name.</param>
    /// <param name="family">Whose addresses count: <see cref="AddressFamily.InterNetwork"/> or <see cref="AddressFamily.InterNetworkV6"/>.</param>
    /// <param name="cancellationToken">Gives up, with an <see cref="OperationCanceledException"/>.</param>
    ValueTask<AddressAnswer> AddressesOfAsync(string name, AddressFamily family, CancellationToken cancellationToken);
}
