using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Transport;

namespace SmtpShield.Mta;

/// <summary>The real network: sockets become connections as those of clients do, so that both sides of a session are the same kind of thing.</summary>
internal sealed class UpstreamNetwork(ITransport transport) : IUpstreamTransport
{
    /// <inheritdoc/>
    /// <remarks>
    /// By getaddrinfo(3), which knows search lists, hosts files and whatever else nsswitch.conf(5) names, and holds a thread until the last server has not
    /// answered: a thread of its own, not one of the pool that all sessions are served by. Who asks, asks for one name once at a time.
    /// </remarks>
    public ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) => new(
        Task.Factory.StartNew(
            static host => Dns.GetHostAddresses((string)host!), host, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)
            .WaitAsync(cancellationToken));

    /// <inheritdoc/>
    public ValueTask<ConnectionContext> ConnectAsync(IPEndPoint endpoint, IPAddress? source, IConnectedSocket? beside, CancellationToken cancellationToken) =>
        transport.ConnectAsync(endpoint, source, beside, cancellationToken);
}
