using System.Net;
using Microsoft.AspNetCore.Connections;

namespace SmtpShield.Upstream;

/// <summary>Names and sockets, as far as dialing needs them; the seam for tests that dial without a network.</summary>
internal interface IUpstreamTransport
{
    /// <summary>The addresses of a host name, in the order to try.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The name was not found, or could not be looked up now.</exception>
    ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken);

    /// <summary>Connects to an end point.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The connection was not established.</exception>
    ValueTask<ConnectionContext> ConnectAsync(IPEndPoint endpoint, CancellationToken cancellationToken);
}
