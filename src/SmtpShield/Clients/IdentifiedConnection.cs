using Microsoft.AspNetCore.Connections;
using SmtpShield.Options;

namespace SmtpShield.Clients;

/// <summary>A connection of which is known whose it is.</summary>
/// <param name="Connection">The connection.</param>
/// <param name="Options">The options it goes by.</param>
/// <param name="Proxy">What the proxy in front of the shield has said.</param>
/// <param name="Client">Who the client is.</param>
internal sealed record IdentifiedConnection(ConnectionContext Connection, ConnectionOptions Options, ProxyConnection Proxy, ClientIdentity Client)
{
    /// <summary>What is to be logged before <c>connect from</c>, in order.</summary>
    public IReadOnlyList<LogNote> Notes { get; init; } = [];
}
