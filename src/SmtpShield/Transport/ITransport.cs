using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace SmtpShield.Transport;

/// <summary>Makes connections of sockets: the seam between the ways to wait for them.</summary>
internal interface ITransport
{
    /// <summary>Makes a listening socket ready to be accepted on.</summary>
    /// <param name="socket">Listens already; closed by its owner, before what is returned here.</param>
    IAcceptor Accept(Socket socket);

    /// <summary>Connects to an end point.</summary>
    /// <param name="endpoint">Where to.</param>
    /// <param name="source">The address to connect from, which this host need not have; <see langword="null"/>: its own.</param>
    /// <param name="beside">The connection for which this one is made, of the same transport: who works on both does so on one thread.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TransparentSocketException">There is a source, and this program may not connect from it.</exception>
    /// <exception cref="SocketException">The connection was not established.</exception>
    ValueTask<ConnectionContext> ConnectAsync(IPEndPoint endpoint, IPAddress? source, IConnectedSocket? beside, CancellationToken cancellationToken);
}
