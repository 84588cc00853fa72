using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace SmtpShield.Transport;

/// <summary>Takes connections from one listening socket, one after the other.</summary>
internal interface IAcceptor : IDisposable
{
    /// <summary>The next connection, when there is one.</summary>
    /// <returns>Null: the client went away right behind its place in the queue.</returns>
    /// <exception cref="SocketException">It could not be accepted; with <see cref="SocketError.OperationAborted"/> nothing can be any more.</exception>
    /// <exception cref="ObjectDisposedException">The listening socket is closed.</exception>
    ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken);
}
