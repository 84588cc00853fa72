using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Transport;

namespace SmtpShield.Mta;

/// <summary>Names and sockets, as far as dialing needs them; the seam for tests that dial without a network.</summary>
internal interface IUpstreamTransport
{
    /// <summary>The addresses of a host name, in the order to try.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The name was not found, or could not be looked up now.</exception>
    ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken);

    /// <summary>Connects to an end point.</summary>
    /// <param name="endpoint">Where to.</param>
    /// <param name="source">The address to connect from, which this host need not have; <see langword="null"/>: its own.</param>
    /// <param name="beside">The client's connection; <see langword="null"/>: it is for no client.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TransparentSocketException">There is a source, and this program may not connect from it.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">The connection was not established.</exception>
    ValueTask<ConnectionContext> ConnectAsync(IPEndPoint endpoint, IPAddress? source, IConnectedSocket? beside, CancellationToken cancellationToken);
}
